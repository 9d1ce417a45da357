import type { Services } from '../domain/context.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

/**
 * A periodic job: `batch` changes some rows of one project and returns their number. Several
 * processes may run it at once.
 */
export interface Sweep {
  readonly name: string
  readonly everyMs: number
  /** The sweep frees disk space: it also runs while the disk is full. */
  readonly freesSpace?: true
  /** The batch runs once for the server, not for each project, and needs no disk space. */
  readonly serverWide?: true
  readonly batch: (services: Services, project: string, stopped: AbortSignal) => Promise<number>
}

/** Rows per batch: a sweep shares a commit with callers and must not delay them. */
export const sweepLimit = 100

/**
 * Runs sweeps at their intervals until stopped. A failed run is logged and repeated after the
 * interval.
 */
export class SweepRunner {
  readonly #services: Services
  readonly #log: Log
  readonly #cancels = new Map<string, () => void>()
  readonly #running = new Set<Promise<void>>()
  readonly #stopped = new AbortController()

  constructor(services: Services, log: Log) {
    this.#services = services
    this.#log = log
  }

  start(sweeps: readonly Sweep[]): void {
    for (const sweep of sweeps) this.#schedule(this.#services.clock, sweep)
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const cancel of this.#cancels.values()) cancel()
    await Promise.all(this.#running)
  }

  #schedule(clock: Clock, sweep: Sweep): void {
    const cancel = clock.timer(sweep.everyMs, () => {
      const running = this.#run(sweep).finally(() => {
        this.#running.delete(running)
        if (!this.#stopped.signal.aborted) this.#schedule(clock, sweep)
      })
      this.#running.add(running)
    })
    this.#cancels.set(sweep.name, cancel)
  }

  async #run(sweep: Sweep): Promise<void> {
    try {
      await runSweep(this.#services, sweep, this.#stopped.signal)
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#log.error({ error, sweep: sweep.name }, 'sweep failed')
    }
  }
}

const neverStopped = new AbortController().signal

/**
 * Runs a sweep in every project until nothing is left to do. A failure in one project does not keep
 * the sweep from the others; the first one is thrown at the end.
 */
export async function runSweep(services: Services, sweep: Sweep, stopped: AbortSignal = neverStopped): Promise<void> {
  if (sweep.serverWide) return void (await sweep.batch(services, '', stopped))
  if (services.store.diskSpace?.full && !sweep.freesSpace) return
  const projects = await services.store.read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects))
  const failures: unknown[] = []
  for (const { id } of projects) {
    try {
      while ((await sweep.batch(services, id, stopped)) >= sweepLimit && !stopped.aborted);
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
