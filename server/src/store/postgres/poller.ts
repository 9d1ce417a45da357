import type { Clock } from '../../platform/clock.ts'
import type { Alive } from './replica-heartbeat.ts'
import type { Elsewhere } from './remote-commits.ts'

const everyMs = 1_000

export interface PulseOptions {
  readonly alive: Alive
  readonly elsewhere: Elsewhere
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
export class Pulse {
  readonly #options: PulseOptions
  #epoch: string
  #wanted = new Set<string>()
  #everywhere = false
  #looking: Promise<void> | undefined
  #beating: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(options: PulseOptions, epoch: string) {
    this.#options = options
    this.#epoch = epoch
  }

  get epoch(): string {
    return this.#epoch
  }

  /** Takes note of the epoch that the database has. */
  see(epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#options.elsewhere.forget()
    this.#options.onEpoch()
  }

  start(): void {
    this.#cancel = this.#options.clock.timer(everyMs, () => {
      // A second in which the database was away: the next one finds what this one missed.
      this.#beating = this.#beat().catch(() => {
        this.#everywhere = true
      })
      void this.#beating.then(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  /** Looks in these projects, or in all, soon. */
  look(projects: readonly string[] | undefined): void {
    if (projects) for (const project of projects) this.#wanted.add(project)
    else this.#everywhere = true
    if (this.#stopped) return
    this.#looking ??= this.#look()
      .catch(() => {
        this.#everywhere = true
      })
      .finally(() => {
        this.#looking = undefined
      })
  }

  /** Waits until nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await Promise.all([this.#beating, this.#looking])
  }

  async #look(): Promise<void> {
    while (!this.#stopped && (this.#everywhere || this.#wanted.size > 0)) {
      const projects = [...this.#wanted]
      const all = this.#everywhere
      this.#wanted = new Set()
      this.#everywhere = false
      await this.#options.elsewhere.look(all ? {} : { projects })
    }
  }

  async #beat(): Promise<void> {
    const { alive, readEpoch } = this.#options
    await alive.say()
    this.see(await readEpoch())
    this.look(undefined)
    await this.#looking
  }
}
