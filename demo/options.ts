import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Given } from './given-server.ts'

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
  readonly given: Given | undefined
  readonly json: boolean
  readonly keep: boolean
}

const usage = `npm run demo -- [--plan FILE] [--replay] [--agents N] [--kills N] [--chaos] [--seed WORD] [--port N] [--keep] [--json]
               [--replicas N [--faults] [--calls N] [--rate N]]
               [--url URL --stop COMMAND --database FILE]
  --plan FILE   beads issues.jsonl or Tony ATHMS tasks.json (default: the plan that ships with the project)
  --replay      set finished work back to pending; skip tombstones and what is not work
  --agents N    how many agents, each in its own process: 2 to 500 (default 100)
  --kills N     kill -9 the server N times on the way and restart it on its file (default 0)
  --chaos       locks, verdicts, questions, topics, redrives, pauses, cancellations and retries on top, all at once
  --replicas N  so many servers on a PostgreSQL that it brings, behind a balancer: 2 to 9
  --faults      with --replicas: kill -9 one of them every 5 s and stop the database three times, at once, on the way
  --calls N     with --faults: calls beside the plan, at a steady rate whatever becomes of them (default 100000)
  --rate N      with --faults: so many of them a second (default 100)
  --seed WORD   what goes wrong, and when, follows from it (default: a new one each time, printed)
  --port N      the server's port (default: a free one)
  --keep        keep the database, the histories and the logs
  --json        print the outcome as JSON
  --url URL     drive the server that runs there, on an empty database, and start none
  --stop COMMAND, --database FILE
                with --url: how the server is stopped when the fleet is done, and where its database is then: the
                verdict is on that file`

function whole(name: string, value: string, least: number, most: number): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new Error(`--${name} is a whole number from ${least} to ${most}, not ${value}\n${usage}`)
}

type Values = { readonly [name in 'url' | 'stop' | 'database' | 'port' | 'kills']?: string }

/**
 * Returns the settings of a given server. All three options are required, because a run without its
 * database ends without a verdict.
 */
function givenServer({ url, stop, database, port, kills }: Values): Given | undefined {
  if (url === undefined && stop === undefined && database === undefined) return undefined
  if (url === undefined || stop === undefined || database === undefined) {
    throw new Error(`--url, --stop and --database go together\n${usage}`)
  }
  if (port !== '0' || kills !== '0') {
    throw new Error(`--port and --kills are for a server of the demo's own, not for --url\n${usage}`)
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
  const replicas = whole('replicas', values.replicas, 0, 9)
  if (replicas === 1) throw new Error(`--replicas is 2 or more\n${usage}`)
  if (values.faults && replicas === 0) throw new Error(`--faults is for --replicas\n${usage}`)
  if (values.url !== undefined && replicas > 0) throw new Error(`--replicas and --url exclude each other\n${usage}`)
  return {
    replicas,
    faults: values.faults,
    calls: whole('calls', values.calls, 0, 10_000_000),
    rate: whole('rate', values.rate, 1, 10_000),
    plan: values.plan,
    replay: values.replay,
    agents: whole('agents', values.agents, 2, 500),
    kills: whole('kills', values.kills, 0, 1_000),
    seed: values.seed,
    chaos: values.chaos,
    port: whole('port', values.port, 0, 65_535),
    json: values.json,
    keep: values.keep,
    given: givenServer(values),
  }
}
