import { type Agent, TonyError } from '@tony/mcp-client'
import { type Clock, sleep } from '../clock.ts'
import type { WakeProvider } from './provider.ts'
import { type WakeSubject, wakeTextOf } from './wake-text.ts'

/** A requested wake. */
type OpenWake = WakeSubject & { readonly id: string }

/** Time for a sign of the session after each provider, in milliseconds. */
export const signTimeoutMs = 12_000

/** Pause before a failed announcement is repeated, in milliseconds. */
const retryDelayMs = 1_000

export interface SessionWakesOptions {
  readonly clock: Clock
  /** In the order in which they are tried. */
  readonly providers: readonly WakeProvider[]
}

/**
 * Announces to the server if the session is idle, and tries the providers for each requested wake.
 * The server decides that a wake is needed and keeps its state, so a restarted bridge continues.
 */
export class SessionWakes {
  readonly #options: SessionWakesOptions
  readonly #running = new Set<string>()
  #isStarted = false
  #agent: Agent | undefined
  #ended: AbortSignal | undefined
  #isIdle = true
  /** True if the session was active since the last announcement that succeeded. */
  #wasActive = false
  #takesTasks = false
  #isOutdated = false
  #announcing: Promise<void> | undefined
  /** Aborts at the next sign of the session. */
  #sign = new AbortController()

  constructor(options: SessionWakesOptions) {
    this.#options = options
  }

  start(): void {
    this.#isStarted = true
  }

  /** Follows the wakes of an agent of this session until `ended` aborts. */
  attach(agent: Agent, ended: AbortSignal): void {
    this.#agent = agent
    this.#ended = ended
    if (this.#isStarted) void this.#follow(agent, ended)
  }

  /** Records a ready task as a reason to wake this session. */
  recordClaim(): void {
    this.#takesTasks = true
  }

  recordChange(idle: boolean): void {
    this.#isIdle = idle
    if (!idle) {
      this.#wasActive = true
      this.#sign.abort()
      this.#sign = new AbortController()
    }
    if (this.#isStarted) this.#announce()
  }

  async #follow({ id: agentId, client }: Agent, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      // The feed begins with a checkpoint, so a wake requested before it is found too.
      const feed = client.events.subscribe({ types: ['wake.requested'], agentId }, { signal: ended })
      const announceAtEach = async () => {
        for await (const _ of feed) this.#announce()
      }
      await announceAtEach().catch(() => undefined)
      await sleep(this.#options.clock, retryDelayMs, ended)
    }
  }

  /** Sends one announcement at a time. A change meanwhile is followed by another one. */
  #announce(): void {
    this.#isOutdated = true
    this.#announcing ??= this.#announceAll().finally(() => {
      this.#announcing = undefined
    })
  }

  async #announceAll(): Promise<void> {
    while (this.#isOutdated && this.#agent && !this.#ended?.aborted) {
      this.#isOutdated = false
      const active = this.#wasActive
      this.#wasActive = false
      const [idle, takesTasks] = [this.#isIdle, this.#takesTasks]
      const reply = await this.#agent.client.wakes.announce({ idle, active, takesTasks }).catch((error: unknown) => {
        this.#wasActive ||= active
        this.#isOutdated ||= error instanceof TonyError && error.retryable
      })
      if (reply && idle) this.#startWakes(this.#agent, reply.wakes)
      else if (!reply && this.#isOutdated && this.#ended) await sleep(this.#options.clock, retryDelayMs, this.#ended)
    }
  }

  #startWakes(agent: Agent, open: readonly OpenWake[]): void {
    const wakes = open.filter(({ id }) => !this.#running.has(id))
    if (wakes.length === 0 || !this.#isIdle) return
    for (const { id } of wakes) this.#running.add(id)
    // After a failure the server ends the wakes when their time is over.
    void this.#tryProviders(agent, wakes)
      .catch(() => undefined)
      .finally(() => {
        for (const { id } of wakes) this.#running.delete(id)
      })
  }

  async #tryProviders({ client }: Agent, wakes: readonly OpenWake[]): Promise<void> {
    const { clock, providers } = this.#options
    const sign = this.#ended ? AbortSignal.any([this.#sign.signal, this.#ended]) : this.#sign.signal
    const wakeIds = wakes.map(({ id }) => id)
    for (const provider of providers) {
      if (sign.aborted) return
      if (!provider.isReady()) continue
      const attempted = new Set((await client.wakes.attempt({ wakeIds, provider: provider.name })).wakeIds)
      if (attempted.size === 0 || sign.aborted) continue
      const text = wakeTextOf(wakes.filter(({ id }) => attempted.has(id)))
      const tried = await provider.wake(text).then(
        () => true,
        () => false,
      )
      if (tried) await sleep(clock, signTimeoutMs, sign)
    }
    if (!sign.aborted) await client.wakes.giveUp({ wakeIds })
  }
}
