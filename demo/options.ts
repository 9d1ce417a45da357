import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'

export interface DemoOptions {
  readonly plan: string
  readonly replay: boolean
  readonly agents: number
  readonly seed: string
  /** How often the server is killed and restarted on the way. */
  readonly kills: number
  readonly port: number
  readonly json: boolean
  readonly keep: boolean
}

const usage = `npm run demo -- [--plan FILE] [--replay] [--agents N] [--kills N] [--seed WORD] [--port N] [--keep] [--json]
  --plan FILE   beads issues.jsonl or Tony ATHMS tasks.json (default: the plan that ships with the project)
  --replay      set finished work back to pending; skip tombstones and what is not work
  --agents N    how many agents, each in its own process: 2 to 500 (default 100)
  --kills N     kill -9 the server N times on the way and restart it on its file (default 0)
  --seed WORD   what goes wrong, and when, follows from it (default: a new one each time, printed)
  --port N      the server's port (default: a free one)
  --keep        keep the database, the histories and the logs
  --json        print the outcome as JSON`

function whole(name: string, value: string, least: number, most: number): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new Error(`--${name} is a whole number from ${least} to ${most}, not ${value}\n${usage}`)
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
      port: { type: 'string', default: '0' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  return {
    plan: values.plan,
    replay: values.replay,
    agents: whole('agents', values.agents, 2, 500),
    kills: whole('kills', values.kills, 0, 1_000),
    seed: values.seed,
    port: whole('port', values.port, 0, 65_535),
    json: values.json,
    keep: values.keep,
  }
}
