import type { Clock } from '../../platform/clock.ts'
import type { RemoteCommits } from './remote-commits.ts'
import type { ReplicaHeartbeat } from './replica-heartbeat.ts'

const intervalMs = 1_000

export interface PollerOptions {
  readonly heartbeat: ReplicaHeartbeat
  readonly remoteCommits: RemoteCommits
  readonly clock: Clock
  /** Also sees whether this program may still use the database. */
  readonly readEpoch: () => Promise<string>
  /** The database was restored, or a standby took its place. */
  readonly onEpoch: () => void
}

/**
 * What a replica does each second, with or without notifications: says that it is alive, sees whether the database is still
 * the same, and looks for what others have committed. One look at a time; hints that come meanwhile are one more.
 */
export class Poller {
  readonly #options: PollerOptions
  #epoch: string
  #projects = new Set<string>()
  #allProjects = false
  #polling: Promise<void> | undefined
  #ticking: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(options: PollerOptions, epoch: string) {
    this.#options = options
    this.#epoch = epoch
  }

  get epoch(): string {
    return this.#epoch
  }

  /** Takes note of the epoch that the database has. */
  observeEpoch(epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#options.remoteCommits.reset()
    this.#options.onEpoch()
  }

  start(): void {
    this.#cancel = this.#options.clock.timer(intervalMs, () => {
      // A second in which the database was away: the next one finds what this one missed.
      this.#ticking = this.#tick().catch(() => {
        this.#allProjects = true
      })
      void this.#ticking.then(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  /** Looks in these projects, or in all, soon. */
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

  /** Waits until nothing of it runs any more. */
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
