import type { Clock } from '../../platform/clock.ts'
import type { Store } from '../../store/store.ts'
import { saveLease, saveProgress, type WebhookRow } from './rows.ts'

/** Length of a sender's lease, and the age at which it is extended, in milliseconds. */
export const senderLeaseMs = 30_000
const extendAfterMs = 10_000

/**
 * Events after which a save begins, and further events until the run waits for its end. A crash
 * repeats the unsaved ones.
 */
const saveAfter = 20
const maxUnsaved = 100

interface PositionServices {
  readonly store: Store
  readonly clock: Clock
}

/**
 * The position of a webhook in the feed, under the lease of one run. It is saved while the next
 * deliveries go on, because a commit can take longer than many of them.
 */
export class DeliveryPosition {
  readonly lease: string
  readonly #services: PositionServices
  #row: WebhookRow
  #seq: number
  #unsaved = 0
  #extendedAt: number
  #isOver = false
  #saving: Promise<void> | undefined
  #saveError: unknown

  constructor(services: PositionServices, row: WebhookRow) {
    this.#services = services
    this.#row = row
    this.lease = row.lease ?? ''
    this.#seq = row.seq
    this.#extendedAt = services.clock.monotonic()
  }

  /** The row as last saved: its secret may have been rotated since the start of the run. */
  get row(): WebhookRow {
    return this.#row
  }

  /** Number of the last event that was delivered, given up or outside the filter. */
  get seq(): number {
    return this.#seq
  }

  /** True if the lease is lost or was given back, or if the webhook was deleted or suspended. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** True if deliveries or events outside the filter are behind the saved position. */
  get isMoved(): boolean {
    return this.#unsaved > 0 || this.#seq !== this.#row.seq
  }

  /** Moves behind events outside the filter. */
  skipTo(seq: number): void {
    this.#seq = seq
  }

  /** Moves behind a delivery of this number of events. Returns false if the run is over. */
  async advance(seq: number, count: number): Promise<boolean> {
    this.#seq = seq
    this.#unsaved += count
    if (this.#unsaved >= saveAfter && !this.#saving) this.#saveBeside()
    else if (this.#unsaved >= maxUnsaved) await this.settle()
    return !this.#isOver
  }

  /** Extends the lease before it is too old for another delivery. Returns false if it is lost. */
  async extend(): Promise<boolean> {
    if (this.#isFresh) return !this.#isOver
    await this.settle()
    if (!this.#isFresh) await this.#save(this.#newLeaseEnd())
    return !this.#isOver
  }

  /** Waits for the save under way. Throws the error of a failed one. */
  async settle(): Promise<void> {
    await this.#saving
    if (this.#saveError !== undefined) throw this.#saveError
  }

  /** Saves the position and gives the lease back. */
  async release(): Promise<void> {
    await this.#saving
    if (this.#isOver) return
    this.#isOver = true
    await this.#save(null)
  }

  /** Ends the run without a save: another statement has ended the lease. */
  end(): void {
    this.#isOver = true
  }

  get #isFresh(): boolean {
    return this.#services.clock.monotonic() - this.#extendedAt < extendAfterMs
  }

  #newLeaseEnd(): number {
    return this.#services.store.now() + senderLeaseMs
  }

  #saveBeside(): void {
    this.#saving = this.#save(this.#newLeaseEnd()).then(
      () => {
        this.#saving = undefined
      },
      (error: unknown) => {
        this.#saving = undefined
        this.#saveError = error
      },
    )
  }

  async #save(until: number | null): Promise<void> {
    const { store, clock } = this.#services
    const { id, projectId: project } = this.#row
    const { lease, isMoved } = this
    const extendedAt = clock.monotonic()
    const progress = { id, lease, seq: this.#seq, until, delivered: this.#unsaved > 0 ? store.now() : null }
    this.#unsaved = 0
    const [row] = await store.transact({ project }, (tx) =>
      isMoved ? tx.run(saveProgress, progress) : tx.run(saveLease, { id, lease, until }),
    )
    this.#extendedAt = extendedAt
    if (row) this.#row = row
    if (row?.state !== 'active') this.#isOver = true
  }
}
