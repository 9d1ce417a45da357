import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { GivenServerSettings } from './given-server.ts'

export interface DemoOptions {
  readonly plan: string
  readonly replay: boolean
  readonly agents: number
  readonly seed: string
  /** Number of kills and restarts of the server during the run. */
  readonly kills: number
  /** True if operators and workers use every procedure of the contract at the same time. */
  readonly chaos: boolean
  readonly port: number
  /** Number of servers on their own PostgreSQL, behind a balancer; 0 for one server on a file. */
  readonly replicas: number
  /**
   * True if replicas are killed and the database crashes, with calls at a steady rate beside the
   * plan.
   */
  readonly faults: boolean
  /** Number of these calls in all and per second. */
  readonly calls: number
  readonly rate: number
  /** A running server, which the demo uses instead of its own. */
  readonly given: GivenServerSettings | undefined
  readonly json: boolean
  readonly keep: boolean
}

const usage = `npm run demo -- [--plan FILE] [--replay] [--agents N] [--kills N] [--chaos] [--seed WORD] [--port N] [--keep] [--json]
               [--replicas N [--faults] [--calls N] [--rate N]]
               [--url URL --stop COMMAND --database FILE]
  --plan FILE   beads issues.jsonl or Tony ATHMS tasks.json (default: plans/sample.jsonl of this project)
  --replay      set finished work back to pending; skip tombstones and records that are no work
  --agents N    number of agents, each in its own process: 2 to 500 (default 100)
  --kills N     kill -9 the server N times during the run and restart it on its file (default 0)
  --chaos       add locks, verification, questions, topics, redrives, pauses, cancellations and retries
  --replicas N  run N servers, 2 to 9, behind a balancer, on a PostgreSQL that the demo starts
  --faults      with --replicas: kill -9 one server every 5 s, stop the database three times, and make calls
                at a steady rate beside the plan
  --calls N     with --faults: number of these calls (default 100000)
  --rate N      with --faults: number of these calls per second (default 100)
  --seed WORD   decides the faults and their times (default: a new seed, which is printed)
  --port N      port of the server (default: a free one)
  --keep        keep the database, the histories and the logs
  --json        print the outcome as JSON
  --url URL     use the running server at URL on an empty database, and start none
  --stop COMMAND, --database FILE
                with --url: the command that stops the server after the run, and its database file after that;
                the demo checks this file`

function parseInteger(name: string, value: string, min: number, max: number): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, not ${value}\n${usage}`)
}

type GivenServerValues = { readonly [name in 'url' | 'stop' | 'database' | 'port' | 'kills']?: string }

/**
 * Returns the settings of a given server. All three options are required, because a run without its
 * database ends without a verdict.
 */
function givenServer({ url, stop, database, port, kills }: GivenServerValues): GivenServerSettings | undefined {
  if (url === undefined && stop === undefined && database === undefined) return undefined
  if (url === undefined || stop === undefined || database === undefined) {
    throw new Error(`--url, --stop and --database must be given together\n${usage}`)
  }
  if (port !== '0' || kills !== '0') {
    throw new Error(`--port and --kills cannot be combined with --url\n${usage}`)
  }
  return { url: url.replace(/\/+$/, ''), stop, database }
}

export function parseOptions(argv: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      plan: { type: 'string', default: fileURLToPath(new URL('../plans/sample.jsonl', import.meta.url)) },
      replay: { type: 'boolean', default: false },
      agents: { type: 'string', default: '100' },
      kills: { type: 'string', default: '0' },
      seed: { type: 'string', default: Math.random().toString(36).slice(2, 8) },
      chaos: { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      replicas: { type: 'string', default: '0' },
      faults: { type: 'boolean', default: false },
      calls: { type: 'string', default: '100000' },
      rate: { type: 'string', default: '100' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      url: { type: 'string' },
      stop: { type: 'string' },
      database: { type: 'string' },
    },
  })
  const replicas = parseInteger('replicas', values.replicas, 0, 9)
  if (replicas === 1) throw new Error(`--replicas must be 2 or more\n${usage}`)
  if (values.faults && replicas === 0) throw new Error(`--faults needs --replicas\n${usage}`)
  if (values.url !== undefined && replicas > 0) throw new Error(`--replicas and --url cannot be combined\n${usage}`)
  return {
    replicas,
    faults: values.faults,
    calls: parseInteger('calls', values.calls, 0, 10_000_000),
    rate: parseInteger('rate', values.rate, 1, 10_000),
    plan: values.plan,
    replay: values.replay,
    agents: parseInteger('agents', values.agents, 2, 500),
    kills: parseInteger('kills', values.kills, 0, 1_000),
    seed: values.seed,
    chaos: values.chaos,
    port: parseInteger('port', values.port, 0, 65_535),
    json: values.json,
    keep: values.keep,
    given: givenServer(values),
  }
}
