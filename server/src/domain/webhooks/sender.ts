import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { WebhookError } from '@tony/mcp-shared/webhooks'
import { isRecord } from '../../platform/is-record.ts'
import { randomToken } from '../../platform/random.ts'
import type { PostOutcome } from '../../platform/webhook-poster.ts'
import { challengeMessage, terminatedMessage, testMessage } from './bodies.ts'
import { deleteWebhook } from './delete.ts'
import { senderLeaseMs } from './delivery-position.ts'
import { DeliveryRun, type DeliveryServices } from './delivery-run.ts'
import {
  findDueWebhooks,
  findEndedWebhooks,
  findWebhookProjects,
  releaseWebhookLeases,
  takeWebhookLease,
  type WebhookRow,
} from './rows.ts'
import { signingSecretsOf } from './secrets.ts'
import { requestHeaders, type WebhookMessage } from './signature.ts'

/** Webhooks that one process serves at the same time. */
const maxRunning = 16

/** Rows of one look. */
const queryRowLimit = 100

/** An endpoint to which a message goes outside the order of the events. */
interface Endpoint {
  readonly id: string
  readonly url: string
  readonly format: string
  readonly secrets: readonly string[]
}

const isSameText = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Returns the challenge that a reply repeats; an empty text if it has none. */
function challengeOf(text: string): string {
  try {
    const reply: unknown = JSON.parse(text)
    return isRecord(reply) && 'challenge' in reply ? String(reply['challenge']) : ''
  } catch (error) {
    if (error instanceof SyntaxError) return ''
    throw error
  }
}

/**
 * Delivers the webhooks of all projects. Every replica has one; the lease of a webhook decides
 * which of them delivers it. A commit wakes the sender, and a sweep looks once a second.
 */
export class WebhookSender {
  readonly #services: DeliveryServices
  readonly #onFailure: (error: unknown) => void
  readonly #stopped = new AbortController()
  readonly #running = new Map<string, Promise<void>>()
  #projects: ReadonlySet<string> = new Set()
  #scanning: Promise<void> | undefined
  #scanAgain = false
  #hasReleased = false

  constructor(parts: DeliveryServices, onFailure: (error: unknown) => void) {
    this.#services = parts
    this.#onFailure = onFailure
  }

  /** Looks for deliveries. A project without webhooks costs nothing. */
  notify(project: string): void {
    if (this.#projects.has(project)) this.#scanDueSoon()
  }

  /** Looks for deliveries of a new webhook. */
  notifyNewWebhook(project: string): void {
    this.#projects = new Set([...this.#projects, project])
    this.#scanDueSoon()
  }

  /** Removes the webhooks that have ended, and starts what is due. It waits for no delivery. */
  async run(): Promise<void> {
    const { store } = this.#services
    const rows = await store.read((reader) => reader.run(findWebhookProjects, {}))
    this.#projects = new Set(rows.map(({ project }) => project))
    if (rows.length === 0) return
    await this.#releaseOnce()
    await this.#removeEnded()
    await this.#scanDue()
  }

  /** Ends all deliveries; an unfinished one is repeated by the next sender. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#scanning
    await Promise.all(this.#running.values())
    this.#services.poster.close()
  }

  /** Takes the leases of the process before this one at the first run. */
  async #releaseOnce(): Promise<void> {
    const { store, isOnlyProcess } = this.#services
    if (!isOnlyProcess || this.#hasReleased) return
    if (this.#running.size === 0) await store.transact({ project: '' }, (tx) => tx.run(releaseWebhookLeases, {}))
    this.#hasReleased = true
  }

  #scanDueSoon(): void {
    if (this.#stopped.signal.aborted) return
    this.#scanAgain = true
    if (this.#scanning) return
    this.#scanDue().catch(this.#onFailure)
  }

  #scanDue(): Promise<void> {
    this.#scanAgain = true
    this.#scanning ??= this.#startDue().finally(() => {
      this.#scanning = undefined
    })
    return this.#scanning
  }

  async #startDue(): Promise<void> {
    while (this.#scanAgain && !this.#stopped.signal.aborted) {
      this.#scanAgain = false
      const { store } = this.#services
      const due = await store.read((reader) => reader.run(findDueWebhooks, { now: reader.now, limit: queryRowLimit }))
      for (const { id, project } of due) if (this.#running.size < maxRunning) this.#start(id, project)
    }
  }

  #start(id: string, project: string): void {
    if (this.#running.has(id) || this.#stopped.signal.aborted) return
    const run = this.#deliver(id, project)
      .catch((error: unknown) => {
        if (!this.#stopped.signal.aborted) this.#onFailure(error)
      })
      .then((hasDelivered) => {
        this.#running.delete(id)
        // An event of the time between the last page and the end of the lease is due now.
        if (hasDelivered) this.#scanDueSoon()
      })
    this.#running.set(id, run)
  }

  /** Returns false if another sender delivers this webhook. */
  async #deliver(id: string, project: string): Promise<boolean> {
    const { store } = this.#services
    const lease = randomToken(16)
    const [row] = await store.transact({ project }, (tx) =>
      tx.run(takeWebhookLease, { id, lease, now: tx.now, until: tx.now + senderLeaseMs }),
    )
    if (!row) return false
    await new DeliveryRun(this.#services, row, this.#stopped.signal).deliver()
    return true
  }

  async #removeEnded(): Promise<void> {
    const { store } = this.#services
    const ended = await store.read((reader) => reader.run(findEndedWebhooks, { now: reader.now, limit: queryRowLimit }))
    for (const { id, project, expiresAt } of ended) {
      const isExpired = expiresAt !== null && expiresAt <= store.now()
      const row = await store.transact({ project }, (tx) => deleteWebhook(tx, { id, project, actor: null }))
      // An owner without access is told once. A life that is over needs no word.
      if (row && !isExpired) await this.#send(this.#endpointOf(row), terminatedMessage())
    }
  }

  #endpointOf({ id, url, format, ...row }: WebhookRow): Endpoint {
    const { pepper, store } = this.#services
    return { id, url, format, secrets: signingSecretsOf(pepper, row, store.now()) }
  }

  #send(endpoint: Endpoint, message: WebhookMessage): Promise<PostOutcome> {
    const { clock, poster } = this.#services
    const headers = requestHeaders(endpoint, message, clock.wall())
    return poster.post({ url: endpoint.url, headers, body: message.body }, this.#stopped.signal)
  }

  /** Sends a challenge. Returns the error of an endpoint that does not repeat it. */
  async sendChallenge({
    secret,
    ...endpoint
  }: Omit<Endpoint, 'secrets'> & { readonly secret: string }): Promise<WebhookError | undefined> {
    const challenge = randomBytes(24).toString('base64url')
    const outcome = await this.#send({ ...endpoint, secrets: [secret] }, challengeMessage(challenge))
    if (!outcome.ok) return outcome.error
    return isSameText(challengeOf(outcome.text), challenge) ? undefined : 'challenge_failed'
  }

  /** Sends a test. Returns the error of an endpoint that does not accept it. */
  async sendTest(row: WebhookRow): Promise<WebhookError | undefined> {
    const outcome = await this.#send(this.#endpointOf(row), testMessage())
    return outcome.ok ? undefined : outcome.error
  }
}
