import type { Clock } from '../../platform/clock.ts'
import type { RemoteCommits } from './remote-commits.ts'
import type { ReplicaHeartbeat } from './replica-heartbeat.ts'

const intervalMs = 1_000

export interface ReplicaPollerOptions {
  readonly heartbeat: ReplicaHeartbeat
  readonly remoteCommits: RemoteCommits
  readonly clock: Clock
  /** Reads the epoch. Throws if this version may no longer use the database. */
  readonly readEpoch: () => Promise<string>
  /** Called after the database was restored or a standby took over. */
  readonly onEpoch: () => void
}

/**
 * The work of a replica each second, with or without notifications: it sends a heartbeat, reads the
 * epoch and polls for commits of other replicas. Polls run one at a time; notifications during a
 * poll cause one more.
 */
export class ReplicaPoller {
  readonly #options: ReplicaPollerOptions
  #epoch: string
  #projects = new Set<string>()
  #allProjects = false
  #polling: Promise<void> | undefined
  #ticking: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(options: ReplicaPollerOptions, epoch: string) {
    this.#options = options
    this.#epoch = epoch
  }

  get epoch(): string {
    return this.#epoch
  }

  /** Compares the database's epoch with the known one and reacts to a change. */
  observeEpoch(epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#options.remoteCommits.reset()
    this.#options.onEpoch()
  }

  start(): void {
    this.#cancel = this.#options.clock.timer(intervalMs, () => {
      // The database was unreachable; the next tick polls all projects.
      this.#ticking = this.#tick().catch(() => {
        this.#allProjects = true
      })
      void this.#ticking.then(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  /** Polls these projects soon, or all of them. */
  poll(projects: readonly string[] | undefined): void {
    if (projects) for (const project of projects) this.#projects.add(project)
    else this.#allProjects = true
    if (this.#stopped) return
    this.#polling ??= this.#pollNow()
      .catch(() => {
        this.#allProjects = true
      })
      .finally(() => {
        this.#polling = undefined
      })
  }

  /** Stops the timer and waits for the running work. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await Promise.all([this.#ticking, this.#polling])
  }

  async #pollNow(): Promise<void> {
    while (!this.#stopped && (this.#allProjects || this.#projects.size > 0)) {
      const projects = [...this.#projects]
      const allProjects = this.#allProjects
      this.#projects = new Set()
      this.#allProjects = false
      await this.#options.remoteCommits.poll(allProjects ? {} : { projects })
    }
  }

  async #tick(): Promise<void> {
    const { heartbeat, readEpoch } = this.#options
    await heartbeat.send()
    this.observeEpoch(await readEpoch())
    this.poll(undefined)
    await this.#polling
  }
}
