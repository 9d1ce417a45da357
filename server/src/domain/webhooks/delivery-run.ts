import { CoordinationError } from '@tony/mcp-shared/errors'
import type { EventFilter } from '@tony/mcp-shared/events'
import type { WebhookError } from '@tony/mcp-shared/webhooks'
import type { Clock } from '../../platform/clock.ts'
import type { PostOutcome, WebhookPoster } from '../../platform/webhook-poster.ts'
import type { Store, Transaction } from '../../store/store.ts'
import { cursorAt } from '../feed/cursor.ts'
import { logRangeOf } from '../feed/log-range.ts'
import { type FeedEvent, type FeedPage, isVisibleMatch, requirePageAfter } from '../feed/page.ts'
import { anonymousPrincipal } from '../identity/caller.ts'
import type { Pepper } from '../identity/pepper.ts'
import { batchSizeOf, takeBatch } from './batches.ts'
import { type BodyContext, eventsMessage, gapMessage } from './bodies.ts'
import { DeliveryPosition } from './delivery-position.ts'
import {
  countDeadLetters,
  deleteDeadLetter,
  endRedrive,
  findRedrivenDeadLetter,
  insertDeadLetter,
  recordFailedRedrive,
  saveFailure,
  type WebhookRow,
} from './rows.ts'
import { signingSecretsOf } from './secrets.ts'
import { requestHeaders, type WebhookMessage } from './signature.ts'
import { toWebhookFormat } from './words.ts'

/** A run gives its place to other webhooks after this time, in milliseconds. */
const sliceMs = 10_000

/** Events per page. */
const pageLimit = 256

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

/** The number of events in a delivery, and the number of the last of them. */
interface DeliveredEvents {
  readonly seq: number
  readonly count: number
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
  readonly #position: DeliveryPosition
  readonly #filter: EventFilter
  readonly #endMs: number

  constructor(parts: DeliveryServices, row: WebhookRow, signal: AbortSignal) {
    this.#services = parts
    this.#position = new DeliveryPosition(parts, row)
    this.#signal = signal
    this.#filter = JSON.parse(row.filter)
    this.#endMs = parts.clock.monotonic() + sliceMs
  }

  /** Delivers until nothing is left, a delivery fails, the slice is over or the lease is lost. */
  async deliver(): Promise<void> {
    try {
      if (this.#row.redrive === 1) await this.#redrive()
      while (this.#mayContinue) if (!(await this.#deliverPage())) break
    } finally {
      await this.#position.release()
    }
  }

  get #row(): WebhookRow {
    return this.#position.row
  }

  /** False if the server stops, the slice is over or the lease is lost. */
  get #mayContinue(): boolean {
    const isInSlice = this.#services.clock.monotonic() < this.#endMs
    return isInSlice && !this.#signal.aborted && !this.#position.isOver
  }

  /** Delivers the next page. Returns false if there is none, or if the run is over. */
  async #deliverPage(): Promise<boolean> {
    const page = await this.#readPage()
    if (!page || page.reached === this.#position.seq) return false
    let events = page.events.filter((event) => this.#isWanted(event))
    for (;;) {
      const batch = takeBatch(events, this.#batchSize)
      if (!batch) break
      if (!this.#mayContinue) return false
      const { seq } = batch.at(-1) ?? batch[0]
      if (!(await this.#deliverOne(eventsMessage(this.#bodyContext, batch), { seq, count: batch.length }))) return false
      events = events.slice(batch.length)
    }
    this.#position.skipTo(page.reached)
    return true
  }

  /** False for an event outside the filter, and for one of this webhook. */
  #isWanted(event: FeedEvent): boolean {
    const isOwn = event.type.startsWith('webhook.') && event.data.subject === this.#row.id
    return !isOwn && isVisibleMatch(techLeadPrincipal, this.#filter, event)
  }

  get #batchSize(): number {
    const { format, failures } = this.#row
    return batchSizeOf(format, this.#position.isMoved ? 0 : failures)
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
    const page = await store
      .read((from) => requirePageAfter(from, { ...query, seq: this.#position.seq }))
      .catch(ignoreGap)
    if (page) return page
    const { first } = await store.read((from) => logRangeOf(from, project))
    const message = gapMessage(cursorAt(store.epoch, first - 1))
    const delivered = await this.#deliverOne(message, { seq: first - 1, count: 1 })
    return delivered ? store.read((from) => requirePageAfter(from, { ...query, seq: this.#position.seq })) : undefined
  }

  /** Delivers one message, after which the position is `seq`. Returns false if the run is over. */
  async #deliverOne(message: WebhookMessage, { seq, count }: DeliveredEvents): Promise<boolean> {
    if (!(await this.#position.extend())) return false
    const outcome = await this.#post(message)
    if (outcome.ok) return this.#position.advance(seq, count)
    return this.#recordFailure(message, { seq, count }, outcome)
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

  /**
   * Records a failed attempt, which ends the run: the next attempt waits, and after the last one
   * the delivery is a dead letter.
   */
  async #recordFailure(
    message: WebhookMessage,
    { seq, count }: DeliveredEvents,
    outcome: PostOutcome & { ok: false },
  ): Promise<false> {
    const { store, clock } = this.#services
    const position = this.#position
    await position.settle()
    if (position.isOver) return false
    const { id, projectId: project, failures: savedFailures } = this.#row
    const failures = (position.isMoved ? 0 : savedFailures) + 1
    // A smaller body follows if several events were too large together.
    const isLast = failures >= maxDeliveryAttempts || (outcome.status === 413 && count === 1)
    const waitMs = Math.min(backoff.longestMs, backoff.firstMs * 2 ** (failures - 1)) * (0.5 + clock.random() / 2)
    position.end()
    await store.transact({ project }, async (tx) => {
      const [letters] = isLast ? await tx.run(countDeadLetters, { webhookId: id }) : []
      const isSuspended = outcome.status === 410 || (letters?.count ?? 0) >= maxDeadLetters
      const isDead = isLast && !isSuspended
      const next =
        isDead || isSuspended ? { failures: 0, nextAt: null } : { failures, nextAt: tx.now + Math.ceil(waitMs) }
      const state = isSuspended ? 'suspended' : 'active'
      const row = {
        id,
        lease: position.lease,
        seq: isDead ? seq : position.seq,
        now: tx.now,
        error: outcome.error,
        state,
      }
      const [saved] = await tx.run(saveFailure, { ...row, ...next })
      if (!saved) return
      const { error } = outcome
      if (isSuspended)
        tx.append({ ...eventOf(id), type: 'webhook.suspended', data: { webhookId: id, lastError: error } })
      if (isDead) await addDeadLetter(tx, message, { project, webhookId: id, seq, attempts: failures, error })
    })
    return false
  }

  /** Sends the dead letters that wait for another attempt, each once. */
  async #redrive(): Promise<void> {
    const { store } = this.#services
    const { id: webhookId, projectId: project } = this.#row
    while (!this.#signal.aborted && (await this.#position.extend())) {
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

/** The fields of an event of a webhook that are always the same. */
const eventOf = (webhookId: string) => ({ subject: webhookId, actor: null, audience: [] })

/** A delivery that is given up. */
interface FailedDelivery {
  readonly project: string
  readonly webhookId: string
  readonly seq: number
  readonly attempts: number
  readonly error: WebhookError
}

async function addDeadLetter(
  tx: Transaction,
  { id: messageId, body }: WebhookMessage,
  { project, webhookId, seq, attempts, error }: FailedDelivery,
): Promise<void> {
  await tx.run(insertDeadLetter, { project, webhookId, messageId, body, seq, attempts, error, now: tx.now })
  const data = { webhookId, lastError: error, messageId, attempts }
  tx.append({ ...eventOf(webhookId), type: 'webhook.dead_letter', data })
}

function ignoreGap(error: unknown): undefined {
  if (!(error instanceof CoordinationError) || error.code !== 'CURSOR_EXPIRED') throw error
}
