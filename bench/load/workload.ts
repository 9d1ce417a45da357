export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface RunResult {
  /** Number of operations that took place. */
  readonly counted: number
  readonly seconds: number
  /** Latencies by name. A client of a peer may not show them. */
  readonly latencies: Readonly<Record<string, Latency>>
}

/** One workload on one system, in the generator. */
export interface Workload {
  open(): Promise<void>
  /** Prepares a run of `n` operations, outside its time. */
  prepare?(n: number): Promise<void>
  run(n: number): Promise<RunResult>
  /** Stops the remains of a run, outside its time. */
  finish?(): Promise<void>
  close(): Promise<void>
}

/** Runs something and returns its time in seconds. */
export async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1_000
}
