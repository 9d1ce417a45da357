import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, type Client, createClient, type FeedEvent } from '@tony/mcp-client'
import { readConfig } from '@tony/mcp-server/config'
import { sleep } from '@tony/mcp-server/platform/clock'
import { startServer } from '@tony/mcp-server/server'
import { createStreamEnd, type StreamEnd } from '../stream-end.ts'
import { type CreatedTask, demoPlan, findFaults } from './plan.ts'

/** The options of `tony-mcp demo`. */
export interface DemoOptions {
  readonly agents: number
  readonly features: number
  readonly json: boolean
  readonly keep: boolean
}

const names = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn']

/** The work of one attempt in milliseconds, different for each task. */
const workMs = (index: number): number => 60 + ((index * 67) % 180)

/** One task of this number fails its first attempt. */
const tasksPerFailure = 9

/** Creates the tasks of the plan, and returns them with their ids. */
async function createTasks(lead: Client, features: number): Promise<CreatedTask[]> {
  const plan = demoPlan(features)
  const created: CreatedTask[] = []
  const idByKey = new Map<string, string>()
  // The tasks of a feature name each other, so a call has whole features.
  for (let from = 0; from < plan.length; from += 200) {
    const part = plan.slice(from, from + 200)
    const { tasks } = await lead.tasks.createMany({ tasks: part })
    for (const { id, key } of tasks) idByKey.set(key ?? '', id)
    for (const { key, title, dependsOn, locks } of part)
      created.push({
        id: idByKey.get(key) ?? '',
        title,
        locks,
        dependsOn: dependsOn.map((other) => idByKey.get(other) ?? ''),
      })
  }
  return created
}

const stopAgents = (agents: readonly Agent[]) => Promise.all(agents.map((agent) => agent.stop({ withinMs: 2_000 })))

/** Registers the agents. If one cannot be registered, it stops the others. */
async function registerAgents(url: string, count: number): Promise<Agent[]> {
  const registrations = await Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      Agent.register({
        url,
        name: names[index] ?? `agent-${index + 1}`,
        type: 'implementation',
        heartbeatMs: 2_000,
      }),
    ),
  )
  const agents = registrations.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const refused = registrations.find((each) => each.status === 'rejected')
  if (refused === undefined) return agents
  await stopAgents(agents)
  throw refused.reason
}

/** Starts the work of the agents. Each works on one task at a time. */
function startWork(agents: readonly Agent[], tasks: readonly CreatedTask[]): void {
  const indexById = new Map(tasks.map(({ id }, index) => [id, index]))
  for (const agent of agents)
    agent.work(
      async ({ id, attempt, title }, { signal }) => {
        const index = indexById.get(id) ?? 0
        await sleep(workMs(index), signal)
        if (attempt === 1 && index % tasksPerFailure === tasksPerFailure - 1) throw new Error(`${title}: a test is red`)
        return { by: agent.name }
      },
      // The failure of an attempt is an event of the feed.
      { onError: () => undefined },
    )
}

const verbByEventType: Readonly<Record<string, string>> = {
  'task.claimed': 'takes',
  'task.completed': 'completes',
  'task.retried': 'fails, and it is tried again:',
  'task.failed': 'fails for good:',
}

interface FollowParams {
  readonly tasks: readonly CreatedTask[]
  readonly agents: readonly Agent[]
}

/**
 * Reads the feed until every task is completed or one has failed for good, or until the end of the
 * command.
 */
async function followFeed(
  lead: Client,
  { tasks, agents }: FollowParams,
  end: StreamEnd,
  print: (line: string) => void,
) {
  const titles = new Map(tasks.map(({ id, title }) => [id, title]))
  const agentNames = new Map(agents.map(({ id, name }) => [id, name]))
  const events: FeedEvent[] = []
  let left = tasks.length
  for await (const event of lead.events.subscribe({ cursor: 'start' }, { signal: end.signal })) {
    if (event.type === 'checkpoint') continue
    events.push(event)
    const verb = verbByEventType[event.type]
    const who = agentNames.get(event.actor ?? '')
    if (verb !== undefined && who !== undefined) print(`${who.padEnd(9)} ${verb} ${titles.get(event.subject ?? '')}`)
    if (event.type === 'task.completed') left -= 1
    if (left === 0 || event.type === 'task.failed') break
  }
  return events
}

/** Runs the agents on the plan at a server, and checks the feed at the end. */
export async function runFleet(
  url: string,
  { agents: count, features }: Pick<DemoOptions, 'agents' | 'features'>,
  end: StreamEnd,
  print: (line: string) => void,
) {
  const lead = createClient({ url })
  const agents: Agent[] = []
  try {
    const tasks = await createTasks(lead, features)
    print(`${tasks.length} tasks for ${count} agents at ${url}; watch them: tony-mcp top --url ${url}`)
    agents.push(...(await registerAgents(url, count)))
    startWork(agents, tasks)
    const events = await followFeed(lead, { tasks, agents }, end, print)
    return { tasks: tasks.length, agents: count, events: events.length, faults: findFaults(tasks, events) }
  } finally {
    await stopAgents(agents)
    lead.close()
  }
}

/**
 * `tony-mcp demo`: a server of its own on a free port, a few agents and a plan, checked at the end.
 * Exits with 1 if the check finds a fault.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-demo-'))
  const end = createStreamEnd(undefined)
  const print = (line: string) => void (options.json || process.stdout.write(`${line}\n`))
  try {
    const database = join(folder, 'demo.db')
    const settings = { MCP_PORT: '0', DATABASE_PATH: database, LOG_LEVEL: 'error', MCP_DURABILITY: 'process' }
    await using server = await startServer(readConfig('dev', settings))
    const outcome = await runFleet(server.url, options, end, print)
    process.exitCode = end.exitCode() || (outcome.faults.length > 0 ? 1 : 0)
    const kept = options.keep ? { database } : {}
    if (options.json) process.stdout.write(`${JSON.stringify({ ...outcome, ...kept })}\n`)
    if (end.exitCode() !== 0) return
    for (const fault of outcome.faults) print(`fault: ${fault}`)
    if (outcome.faults.length === 0)
      print(`each of the ${outcome.tasks} tasks was completed once, after its dependencies; ${outcome.events} events`)
    if (options.keep) print(`kept ${database}: DATABASE_PATH=${database} tony-mcp dev`)
  } finally {
    end.stop()
    if (!options.keep) rmSync(folder, { recursive: true, force: true })
  }
}
