import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { hostLimitsOf } from '@tony/mcp-tools/host-limits'
import { maxMessagesShown, renderMessages } from '@tony/mcp-tools/messages'
import { OutputBudget } from '@tony/mcp-tools/output-budget'
import type { Clock } from '../clock.ts'
import type { HostSession } from '../session/host-session.ts'

/** Timeout for the server's reply, in milliseconds. The host stands still during that time. */
const fetchTimeoutMs = 1_000

/** The JSON around the text of a hook. */
const hookFramePlaceholder = 'x'.repeat(150)

export interface HookContentOptions {
  /** The least urgent delivery mode to show. */
  readonly upTo: DeliveryMode
  /** The host of the hook, which limits the size of its output. */
  readonly host: string | undefined
  /** Aborts when the hook is gone. */
  readonly abandoned: AbortSignal
}

/** Collects the notices and messages that a model sees between two of its steps. */
export class HookContentSource {
  readonly #hostSession: HostSession
  readonly #clock: Clock
  #isFetching = false

  constructor(session: HostSession, clock: Clock) {
    this.#hostSession = session
    this.#clock = clock
  }

  /**
   * Returns the new notices and the messages that may be shown at this point, each once; empty if
   * there are none or the server is away. The rest comes with the next hook.
   */
  async getContent(options: HookContentOptions): Promise<string> {
    // Only one hook at a time waits for a server that is away.
    if (this.#isFetching) return ''
    this.#isFetching = true
    const timedOut = new AbortController()
    const cancel = this.#clock.timer(fetchTimeoutMs, () => timedOut.abort())
    const abandoned = AbortSignal.any([options.abandoned, timedOut.signal])
    return this.#fetchContent({ ...options, abandoned }).finally(() => {
      cancel()
      this.#isFetching = false
    })
  }

  async #fetchContent({ upTo, host, abandoned }: HookContentOptions): Promise<string> {
    const budget = new OutputBudget(hostLimitsOf(host).hook)
    const taken = this.#hostSession.takeNotices()
    const notices = taken.map((notice) => `Notice from Tony: ${notice}`)
    budget.spend([hookFramePlaceholder, ...notices])
    const options = { upTo, limit: maxMessagesShown, wait: { waitMs: 0, signal: abandoned } }
    const messages = await renderMessages(this.#hostSession, options, budget).catch(() => '')
    if (messages !== '' || !abandoned.aborted) return [...notices, ...(messages === '' ? [] : [messages])].join('\n')
    this.#hostSession.returnNotices(taken)
    return ''
  }
}
