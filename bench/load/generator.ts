/**
 * The load generator, in its own process. It runs one workload on one system, with the client of
 * that system.
 */
import { serveJobs } from '../child.ts'
import type { Drivers, Sizes, Target } from './driver.ts'
import { FeedWorkload } from './feed.ts'
import { MessagesWorkload } from './messages.ts'
import { TasksWorkload } from './tasks.ts'
import type { RunResult, Workload } from './workload.ts'

export type WorkloadName = 'messages' | 'single' | 'fused' | 'batched' | 'feed' | 'latency' | 'idle'

/** The argument of the program, as JSON. */
export interface GeneratorOptions {
  /** The module with the drivers, as a URL. It exports `drivers`. */
  readonly driver: string
  readonly workload: WorkloadName
  readonly target: Target
  readonly sizes: Sizes
}

export interface GeneratorJob {
  readonly step: 'open' | 'prepare' | 'run' | 'finish' | 'close'
  readonly n: number
}

export interface GeneratorResult extends RunResult {
  /** CPU seconds of this process. */
  readonly clientCpu: number
}

function createWorkload(drivers: Drivers, { workload, target, sizes }: GeneratorOptions): Workload {
  const { messages, tasks, feed, own } = drivers
  const createOwn = own?.[workload]
  if (createOwn) return createOwn(target, sizes.agents)
  if (workload === 'messages' && messages) return new MessagesWorkload(messages(target), sizes)
  if (workload === 'feed' && feed) return new FeedWorkload(feed(target), sizes)
  if ((workload === 'single' || workload === 'fused' || workload === 'batched') && tasks)
    return new TasksWorkload(tasks(target), workload, sizes)
  throw new Error(`the system has no driver for ${workload}`)
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const options: GeneratorOptions = JSON.parse(process.argv[2] ?? '{}')
const { drivers }: { drivers: Drivers } = await import(options.driver)
const workload = createWorkload(drivers, options)

async function run({ step, n }: GeneratorJob): Promise<object> {
  if (step === 'run') {
    const before = cpuSeconds()
    const result = await workload.run(n)
    return { ...result, clientCpu: cpuSeconds() - before } satisfies GeneratorResult
  }
  if (step === 'open') await workload.open()
  if (step === 'prepare') await workload.prepare?.(n)
  if (step === 'finish') await workload.finish?.()
  if (step === 'close') await workload.close()
  return {}
}

serveJobs(run)
