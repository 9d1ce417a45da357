import { CoordinationError } from '@tony/mcp-shared/errors'
import type { EventFilter } from '@tony/mcp-shared/events'
import type { WebhookError } from '@tony/mcp-shared/webhooks'
import type { Clock } from '../../platform/clock.ts'
import type { PostOutcome, WebhookPoster } from '../../platform/webhook-poster.ts'
import type { Store } from '../../store/store.ts'
import { cursorAt } from '../feed/cursor.ts'
import { logRangeOf } from '../feed/log-range.ts'
import { type FeedPage, isVisibleMatch, requirePageAfter } from '../feed/page.ts'
import { anonymousPrincipal } from '../identity/caller.ts'
import type { Pepper } from '../identity/pepper.ts'
import { type BodyContext, eventMessage, gapMessage } from './bodies.ts'
import {
  countDeadLetters,
  deleteDeadLetter,
  endRedrive,
  findRedrivenDeadLetter,
  insertDeadLetter,
  recordFailedRedrive,
  saveFailure,
  saveLease,
  saveProgress,
  type WebhookRow,
} from './rows.ts'
import { signingSecretsOf } from './secrets.ts'
import { requestHeaders, type WebhookMessage } from './signature.ts'
import { toWebhookFormat } from './words.ts'

/** Length of a sender's lease, and the age at which it is extended, in milliseconds. */
export const senderLeaseMs = 30_000
const extendAfterMs = 10_000

/** A run gives its place to other webhooks after this time, in milliseconds. */
const sliceMs = 10_000

/** Events per page, and deliveries after which the position is saved. A crash repeats these. */
const pageLimit = 256
const saveAfter = 20

/** Attempts of a delivery until it is a dead letter: about 70 minutes. */
export const maxDeliveryAttempts = 12
const backoff = { firstMs: 1_000, longestMs: 3_600_000 }

/** Dead letters of one webhook. The next failure suspends it and keeps its position. */
export const maxDeadLetters = 100

/** The services of a run. */
export interface DeliveryServices {
  readonly store: Store
  readonly clock: Clock
  readonly pepper: Pepper
  readonly poster: WebhookPoster
  /** True if no other process can serve this store. */
  readonly isOnlyProcess: boolean
  /** Counts the outcome of each attempt. */
  readonly onAttempt: (outcome: 'delivered' | WebhookError) => void
}

/** A webhook belongs to a tech lead, who sees every event. */
const techLeadPrincipal = { ...anonymousPrincipal, role: 'tech-lead' as const }

/**
 * Delivers the events of one webhook in their order, while it holds the lease of the webhook. The
 * position moves only after a delivery was accepted or became a dead letter.
 */
export class DeliveryRun {
  readonly #services: DeliveryServices
  readonly #signal: AbortSignal
  readonly #lease: string
  readonly #filter: EventFilter
  #row: WebhookRow
  #seq: number
  #unsaved = 0
  #extendedAt: number
  #isOver = false

  constructor(parts: DeliveryServices, row: WebhookRow, signal: AbortSignal) {
    this.#services = parts
    this.#row = row
    this.#lease = row.lease ?? ''
    this.#seq = row.seq
    this.#signal = signal
    this.#filter = JSON.parse(row.filter)
    this.#extendedAt = parts.clock.monotonic()
  }

  /** Delivers until nothing is left, a delivery fails, the slice is over or the lease is lost. */
  async deliver(): Promise<void> {
    const { clock } = this.#services
    const end = clock.monotonic() + sliceMs
    try {
      if (this.#row.redrive === 1) await this.#redrive()
      while (!this.#isOver && !this.#signal.aborted && clock.monotonic() < end) if (!(await this.#deliverPage())) break
    } finally {
      if (!this.#isOver) await this.#save(null)
    }
  }

  /** Delivers the next page. Returns false if there is none, or if the run is over. */
  async #deliverPage(): Promise<boolean> {
    const page = await this.#readPage()
    if (!page || page.reached === this.#seq) return false
    for (const event of page.events) {
      if (this.#signal.aborted) return false
      const isOwn = event.type.startsWith('webhook.') && event.data.subject === this.#row.id
      if (isOwn || !isVisibleMatch(techLeadPrincipal, this.#filter, event)) continue
      if (!(await this.#deliverOne(eventMessage(this.#bodyContext, event), event.seq))) return false
    }
    this.#seq = page.reached
    return true
  }

  get #bodyContext(): BodyContext {
    const { projectId: project, format } = this.#row
    return { project, epoch: this.#services.store.epoch, format: toWebhookFormat(format), types: this.#filter.types }
  }

  /** Returns the next events; undefined if the run is over. After a gap it says so first. */
  async #readPage(): Promise<FeedPage | undefined> {
    const { store } = this.#services
    const { projectId: project } = this.#row
    const query = { project, epoch: store.epoch, limit: pageLimit, filter: this.#filter }
    const page = await store.read((from) => requirePageAfter(from, { ...query, seq: this.#seq })).catch(ignoreGap)
    if (page) return page
    const { first } = await store.read((from) => logRangeOf(from, project))
    const delivered = await this.#deliverOne(gapMessage(cursorAt(store.epoch, first - 1)), first - 1)
    return delivered ? store.read((from) => requirePageAfter(from, { ...query, seq: this.#seq })) : undefined
  }

  /** Delivers one message, after which the position is `seq`. Returns false if the run is over. */
  async #deliverOne(message: WebhookMessage, seq: number): Promise<boolean> {
    if (!(await this.#extend())) return false
    const outcome = await this.#post(message)
    if (!outcome.ok) return this.#recordFailure(message, seq, outcome)
    this.#seq = seq
    this.#unsaved += 1
    return this.#unsaved < saveAfter || this.#save(this.#newLeaseEnd())
  }

  async #post(message: WebhookMessage): Promise<PostOutcome> {
    const { clock, pepper, poster, store, onAttempt } = this.#services
    const { id, url, format } = this.#row
    const secrets = signingSecretsOf(pepper, this.#row, store.now())
    const headers = requestHeaders({ id, format, secrets }, message, clock.wall())
    const outcome = await poster.post({ url, headers, body: message.body }, this.#signal)
    onAttempt(outcome.ok ? 'delivered' : outcome.error)
    return outcome
  }

  #newLeaseEnd(): number {
    this.#extendedAt = this.#services.clock.monotonic()
    return this.#services.store.now() + senderLeaseMs
  }

  /** Extends the lease before it is too old for another delivery. */
  async #extend(): Promise<boolean> {
    if (this.#services.clock.monotonic() - this.#extendedAt < extendAfterMs) return true
    if (this.#unsaved > 0) return this.#save(this.#newLeaseEnd())
    const params = { id: this.#row.id, lease: this.#lease, until: this.#newLeaseEnd() }
    return this.#take(await this.#services.store.transact(this.#scope, (tx) => tx.run(saveLease, params)))
  }

  /** Saves the position. Returns false if the lease is lost, or the webhook was deleted. */
  async #save(until: number | null): Promise<boolean> {
    const { store } = this.#services
    const delivered = this.#unsaved > 0 ? store.now() : null
    if (until === null) this.#isOver = true
    const isMoved = this.#isMoved
    const [lease, id] = [this.#lease, this.#row.id]
    this.#unsaved = 0
    return this.#take(
      await store.transact(this.#scope, (tx) =>
        isMoved
          ? tx.run(saveProgress, { id, lease, seq: this.#seq, until, delivered })
          : tx.run(saveLease, { id, lease, until }),
      ),
    )
  }

  get #scope() {
    return { project: this.#row.projectId } as const
  }

  /** Continues with the saved row: its secret may have been rotated. */
  #take([row]: readonly WebhookRow[]): boolean {
    if (row) this.#row = row
    if (row?.state !== 'active') this.#isOver = true
    return !this.#isOver
  }

  /**
   * Records a failed attempt, which ends the run: the next attempt waits, and after the last one
   * the delivery is a dead letter.
   */
  async #recordFailure(message: WebhookMessage, seq: number, outcome: PostOutcome & { ok: false }): Promise<false> {
    const { store, clock } = this.#services
    const { id, projectId: project } = this.#row
    const failures = (this.#isMoved ? 0 : this.#row.failures) + 1
    const isLast = failures >= maxDeliveryAttempts || outcome.status === 413
    const waitMs = Math.min(backoff.longestMs, backoff.firstMs * 2 ** (failures - 1)) * (0.5 + clock.random() / 2)
    this.#isOver = true
    await store.transact({ project }, async (tx) => {
      const [letters] = isLast ? await tx.run(countDeadLetters, { webhookId: id }) : []
      const isSuspended = outcome.status === 410 || (letters?.count ?? 0) >= maxDeadLetters
      const isDead = isLast && !isSuspended
      const position =
        isDead || isSuspended ? { failures: 0, nextAt: null } : { failures, nextAt: tx.now + Math.ceil(waitMs) }
      const state = isSuspended ? 'suspended' : 'active'
      const row = { id, lease: this.#lease, seq: isDead ? seq : this.#seq, now: tx.now, error: outcome.error, state }
      const [saved] = await tx.run(saveFailure, { ...row, ...position })
      if (!saved) return
      const event = { subject: id, actor: null, audience: [] }
      const data = { webhookId: id, lastError: outcome.error }
      if (isSuspended) tx.append({ ...event, type: 'webhook.suspended', data })
      if (!isDead) return
      const letter = { messageId: message.id, attempts: failures }
      const { body } = message
      await tx.run(insertDeadLetter, {
        ...letter,
        project,
        webhookId: id,
        body,
        seq,
        error: outcome.error,
        now: tx.now,
      })
      tx.append({ ...event, type: 'webhook.dead_letter', data: { ...data, ...letter } })
    })
    return false
  }

  /** True if deliveries or events outside the filter are behind the saved position. */
  get #isMoved(): boolean {
    return this.#unsaved > 0 || this.#seq !== this.#row.seq
  }

  /** Sends the dead letters that wait for another attempt, each once. */
  async #redrive(): Promise<void> {
    const { store } = this.#services
    const { id: webhookId, projectId: project } = this.#row
    while (!this.#signal.aborted && (await this.#extend())) {
      const [letter] = await store.read((from) => from.run(findRedrivenDeadLetter, { webhookId }))
      if (!letter) return void (await store.transact({ project }, (tx) => tx.run(endRedrive, { id: webhookId })))
      const outcome = await this.#post({ id: letter.messageId, body: letter.body })
      const { ord } = letter
      await store.transact({ project }, (tx) =>
        outcome.ok
          ? tx.run(deleteDeadLetter, { ord })
          : tx.run(recordFailedRedrive, { ord, error: outcome.error, now: tx.now }),
      )
    }
  }
}

function ignoreGap(error: unknown): undefined {
  if (!(error instanceof CoordinationError) || error.code !== 'CURSOR_EXPIRED') throw error
}
