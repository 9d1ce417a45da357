import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from '@tony/mcp-client'
import type { PlannedRow } from '../cli/src/plan/plan.ts'
import { publishPlan } from '../cli/src/plan/publish.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { type Report, verify } from '../tests/support/verify.ts'
import { type FaultStats, runWithFaults } from './faults.ts'
import { Fleet, Operators, Watchers } from './fleet.ts'
import { GivenServer } from './given-server.ts'
import {
  chance,
  drawTroubles,
  epicOf,
  loadProject,
  locksOf,
  poolSize,
  type Troubles,
  troublesOf,
} from './misbehaviour.ts'
import type { DemoOptions } from './options.ts'
import type { Progress } from './progress.ts'
import { ReplicaSet } from './replica-set.ts'
import { freePort, ServerProcess } from './server-process.ts'
import type { ServerUnderTest } from './server-under-test.ts'
import { type Stats, statsOf } from './stats.ts'
import { Tally } from './tally.ts'

const watcherCount = 3
const operatorCount = 2

/** Time limit of the work, in milliseconds. Then the run is abandoned. */
const timeLimitMs = 900_000

export interface Outcome {
  readonly folder: string
  readonly seed: string
  readonly agents: number
  readonly chaos: boolean
  readonly seconds: number
  readonly kinds: Readonly<Record<string, number>>
  readonly planned: { readonly tasks: number; readonly dependencies: number; readonly levels: number }
  readonly tally: Tally
  readonly crashes: number
  readonly kills: number
  /** The results that `--faults` adds. */
  readonly faults: FaultStats | undefined
  readonly stats: Stats
  readonly report: Report
}

async function createServer({ given, port, replicas }: DemoOptions, folder: string): Promise<ServerUnderTest> {
  if (given) return new GivenServer(given)
  const serverPort = port || (await freePort())
  return replicas > 0
    ? new ReplicaSet({ folder, count: replicas, port: serverPort })
    : new ServerProcess(folder, serverPort)
}

/** Kills the server at points spread over the run, by the share of completed tasks. */
async function killDuringRun(
  server: ServerUnderTest,
  tally: Tally,
  total: number,
  { kills, seed }: DemoOptions,
): Promise<void> {
  for (let index = 0; index < kills; index += 1) {
    const share = (index + chance(seed, 'kill', index)) / kills
    while (tally.count('task.completed') < total * share && tally.openTasks > 0) await wait(20)
    await server.killAndRestart()
  }
}

/**
 * Returns the rows of the plan. With `--chaos` they have locks, verification and an epic for each
 * task.
 */
function planRowsOf(tasks: readonly PlannedRow[], troubles: Troubles, { seed, chaos }: DemoOptions): PlannedRow[] {
  const hasTrouble = troublesOf(troubles)
  return tasks.map((task, index) => {
    if (!chaos) return task
    const { externalId } = task
    return {
      ...task,
      epic: task.epic ?? epicOf(index),
      ...(hasTrouble('locked', externalId) ? { locks: locksOf(seed, externalId) } : {}),
      ...(hasTrouble('verified', externalId) ? { acceptance: 'verify' as const } : {}),
    }
  })
}

/**
 * Retries failed tasks as a lead would. Killed servers can use up the attempts of a task, and other
 * tasks wait for it.
 */
async function retryFailed(client: Client): Promise<void> {
  for await (const { subject } of client.events.subscribe({ types: ['task.failed'] }))
    if (subject !== null) await client.tasks.retry({ taskId: subject }).catch(() => undefined)
}

/** Returns the tasks of a plan that are to be done, and the ones among them without a dependent. */
function openTasksOf(tasks: readonly PlannedRow[]): { tasks: string[]; leaves: string[] } {
  const open = tasks.filter(({ status }) => status === undefined || status === 'pending')
  const needed = new Set(open.flatMap(({ dependsOn = [] }) => dependsOn))
  const ids = open.map(({ externalId }) => externalId)
  return { tasks: ids, leaves: ids.filter((id) => !needed.has(id)) }
}

/**
 * Returns the folder for the histories, which must survive a killed process but not a power cut. On
 * the database's disk a hundred growing files would slow each of its fsyncs and falsify the
 * latencies.
 */
const memoryFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

/** Runs the demo: a server, a plan, a fleet that misbehaves, and the verdict on the result. */
export async function runDemo(options: DemoOptions, progress: Progress): Promise<Outcome> {
  // The fleet also does the tasks that are held at the source, because the run waits for all tasks.
  const plan = await readPlan(options.plan, { replay: options.replay, liftHolds: true })
  const folder = mkdtempSync(join(tmpdir(), 'tony-demo-'))
  const histories = mkdtempSync(join(memoryFolder(), 'tony-histories-'))
  const { seed, chaos } = options
  const troubles = drawTroubles({ ...openTasksOf(plan.tasks), seed, chaos })
  writeFileSync(join(histories, 'troubles.json'), JSON.stringify(troubles))
  const server = await createServer(options, folder)
  const pace = options.faults ? ('steady' as const) : ('brisk' as const)
  const fleetOptions = { url: server.url, folder: histories, size: options.agents, seed, pace }
  const fleet = new Fleet(fleetOptions)
  const watchers = new Watchers()
  const operators = new Operators()
  const tally = new Tally({ tasks: chaos || options.faults, messages: chaos })
  await server.start()
  const client = createClient({ url: server.url, deadlineMs: 60_000 })
  try {
    const feedEnd = tally.follow(client)
    await watchers.start(watcherCount, server.url, histories)
    await fleet.start((ready) => progress.step('agents', ready, options.agents))
    if (chaos) {
      await client.projects.setPools({ pools: { ci: poolSize } })
      await operators.start(fleetOptions, operatorCount)
    }
    const changedPlan = { ...plan, tasks: planRowsOf(plan.tasks, troubles, options) }
    await publishPlan(client, changedPlan, (staged) => progress.step('plan', staged, plan.tasks.length))
    const startedAt = performance.now()
    // The feed may come from another server than the publication of the plan.
    await tally.waitForSeq(await lastSeqOf(client))
    progress.follow(tally, plan.tasks.length)
    if (options.faults) retryFailed(client).catch(() => undefined)
    const kills = killDuringRun(server, tally, plan.tasks.length, options)
    const faultRun = runWithFaults(server, tally, plan.tasks.length, { ...options, histories })
    await Promise.race([Promise.all([tally.waitUntilSettled(), kills, faultRun]), rejectAtTimeLimit(tally, options)])
    const seconds = (performance.now() - startedAt) / 1_000
    const faults = await faultRun
    progress.end()
    await operators.stop()
    await fleet.stop()
    await watchers.waitForSeq(await lastSeqOf(client))
    await watchers.stop()
    client.close()
    await feedEnd
    await server.stop()
    const files = readdirSync(histories).map((name) => join(histories, name))
    const loadHistories = files.filter((name) => /\/load-[^/]*\.jsonl$/.test(name))
    const planHistories = files.filter((name) => name.endsWith('.jsonl') && !loadHistories.includes(name))
    const report = verify({ histories: planHistories, database: server.database })
    const loadReport = faults && verify({ histories: loadHistories, database: server.database, project: loadProject })
    return {
      folder,
      seed: options.seed,
      agents: options.agents,
      chaos,
      seconds,
      kinds: plan.report.kinds,
      planned: { tasks: plan.tasks.length, dependencies: plan.report.edges.blocks, levels: plan.report.levels },
      tally,
      crashes: fleet.crashes,
      kills: server.kills,
      faults,
      stats: statsOf(files.filter((name) => /\/agent-[^/]*\.jsonl(\.remarks)?$/.test(name))),
      report: { ...report, violations: [...report.violations, ...(loadReport?.violations ?? [])] },
    }
  } finally {
    progress.end()
    fleet.kill()
    operators.kill()
    client.close()
    await watchers.stop()
    await server.stop()
    cpSync(histories, join(folder, 'histories'), { recursive: true })
    rmSync(histories, { recursive: true, force: true })
  }
}

/** Returns the number of the last event: a subscription begins with a checkpoint at it. */
async function lastSeqOf(client: Client): Promise<number> {
  for await (const { seq } of client.events.subscribe()) return seq
  return 0
}

async function rejectAtTimeLimit(tally: Tally, { faults, calls, rate }: DemoOptions): Promise<never> {
  const ms = timeLimitMs + (faults ? (calls / rate) * 1_000 : 0)
  await wait(ms, undefined, { ref: false })
  throw new Error(
    `not finished after ${Math.round(ms / 1_000)} s: ${tally.openTasks} tasks and ${tally.openMessages} messages are open`,
  )
}
