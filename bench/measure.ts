import { BenchChild } from './child.ts'
import type { Sizes } from './load/driver.ts'
import type { GeneratorJob, GeneratorOptions, GeneratorResult, WorkloadName } from './load/generator.ts'
import type { Latency } from './load/workload.ts'
import { cpuSecondsOf, killTrees, machineTime, residentBytesOf } from './processes.ts'
import type { RunningSystem } from './systems/daemon.ts'
import type { System } from './systems/systems.ts'

/** One workload on one system. */
export interface Cell {
  readonly work: string
  readonly system: System
  readonly workload: WorkloadName
  readonly form: string
  /** Number of operations, or of milliseconds if the work is of this product alone. */
  readonly n: number
  /** Operations before the measured ones. */
  readonly warmUp: number
  readonly sizes: Sizes
}

/** The result of one run of a cell. CPU time is in microseconds an operation. */
export interface Run {
  readonly work: string
  readonly system: string
  readonly form: string
  readonly isPeer: boolean
  readonly counted: number
  readonly perSecond: number
  readonly serverUs: number
  readonly clientUs: number
  readonly latencies: Readonly<Record<string, Latency>>
  /** CPU time of the server in cores. */
  readonly serverCores: number
  /** Growth of the server's resident memory since before the agents. */
  readonly serverBytes: number
  /** Growth of the stored bytes an operation; undefined if the system does not tell them. */
  readonly diskBytes: number | undefined
  /** Share of the machine's time that other processes used, from 0 to 1. */
  readonly others: number
}

/** A cell that takes longer has failed. */
const limitMs = 150_000

const generator = new URL('./load/generator.ts', import.meta.url)

async function withinLimit<T>(run: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs / 1_000} s`)), limitMs)
  })
  try {
    return await Promise.race([run, timeout])
  } finally {
    clearTimeout(timer)
    // After a timeout the run ends with its processes.
    run.catch(() => undefined)
  }
}

/** The server of the current cell, which may not descend from this process. */
let serverPids: readonly number[] = []

/** Ends this program at a signal, with the server and the generator of the current cell. */
export function endCleanly(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killTrees([process.pid, ...serverPids])
      process.exit(1)
    })
  }
}

/** Starts the system and a generator, runs the cell once, and stops both. */
export async function measure(cell: Cell): Promise<Run> {
  const { system, workload, sizes, work } = cell
  await using server = await system.start()
  serverPids = server.pids
  const target = { url: server.url, clientModule: system.clientModule }
  const options: GeneratorOptions = { driver: system.driver, workload, target, sizes }
  await using child = new BenchChild(generator, [JSON.stringify(options)])
  return await withinLimit(runOnce(cell, child, server), `${work} on ${system.name}`)
}

async function runOnce(cell: Cell, child: BenchChild, { pids, storedBytes }: RunningSystem): Promise<Run> {
  const { n, warmUp, work, form, system } = cell
  const step = (name: GeneratorJob['step'], count = 0) => child.run<GeneratorResult>({ step: name, n: count })
  const bytesBefore = residentBytesOf(pids[0] ?? 0)
  await step('open')
  if (warmUp > 0) {
    await step('prepare', warmUp)
    await step('run', warmUp)
    await step('finish')
  }
  const storedBefore = await storedBytes?.()
  await step('prepare', n)
  const ours = [...pids, child.pid, process.pid]
  const before = { server: cpuSecondsOf(pids), ours: cpuSecondsOf(ours), machine: machineTime() }
  const result = await step('run', n)
  const after = { server: cpuSecondsOf(pids), ours: cpuSecondsOf(ours), machine: machineTime() }
  const serverBytes = residentBytesOf(pids[0] ?? 0) - bytesBefore
  const storedAfter = await storedBytes?.()
  await step('finish')
  await step('close')
  const { counted, seconds, latencies, clientCpu } = result
  const serverCpu = after.server - before.server
  const busy = after.machine.busySeconds - before.machine.busySeconds
  const all = after.machine.allSeconds - before.machine.allSeconds
  return {
    work,
    system: system.name,
    form,
    isPeer: system.isPeer,
    counted,
    perSecond: counted / seconds,
    serverUs: (serverCpu / counted) * 1e6,
    clientUs: (clientCpu / counted) * 1e6,
    latencies,
    serverCores: serverCpu / seconds,
    serverBytes,
    diskBytes: storedBefore === undefined ? undefined : ((storedAfter ?? 0) - storedBefore) / counted,
    others: Math.max(0, (busy - (after.ours - before.ours)) / all),
  }
}
