import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { renderMessages } from '@tony/mcp-tools/messages'
import type { Clock } from '../clock.ts'
import { maxMessagesShown } from '../messages/inbox.ts'
import type { HostSession } from '../session/host-session.ts'

/** Timeout for the server's reply, in milliseconds. The host stands still during that time. */
const fetchTimeoutMs = 1_000

/** A text for a model, and the ids of the messages in it. */
export interface HookContent {
  readonly text: string
  readonly messageIds: readonly string[]
}

const emptyContent: HookContent = { text: '', messageIds: [] }

/** Collects the notices and messages that a model sees between two of its steps. */
export class HookContentSource {
  readonly #hostSession: HostSession
  readonly #clock: Clock
  /** Content made for a hook that was gone already. It is shown at the next hook. */
  #unshown: HookContent[] = []
  #pendingFetch: Promise<HookContent> | undefined

  constructor(session: HostSession, clock: Clock) {
    this.#hostSession = session
    this.#clock = clock
  }

  /**
   * Returns the new notices and the messages that may be shown at this point; empty if there are
   * none or the server is away. Each message is returned once.
   */
  async getContent(leastUrgentMode: DeliveryMode): Promise<HookContent> {
    // Only one hook at a time waits for a server that is away.
    if (this.#pendingFetch) return this.#take()
    const pending = this.#fetchContent(leastUrgentMode)
    this.#pendingFetch = pending.finally(() => {
      this.#pendingFetch = undefined
    })
    const content = await Promise.race([pending.catch(() => emptyContent), this.#timeout()])
    if (!content) pending.then((late) => this.putBack(late)).catch(() => undefined)
    return this.#take(content)
  }

  /** Reports that the model sees this content now. */
  markShown({ messageIds }: HookContent): Promise<void> {
    return this.#hostSession.markShown(messageIds)
  }

  /** Keeps content that was not shown for the next hook. */
  putBack(content: HookContent): void {
    if (content.text !== '') this.#unshown.push(content)
  }

  #take(also = emptyContent): HookContent {
    const all = [...this.#unshown, also]
    this.#unshown = []
    return {
      text: all.flatMap(({ text }) => (text === '' ? [] : [text])).join('\n\n'),
      messageIds: all.flatMap(({ messageIds }) => messageIds),
    }
  }

  #timeout(): Promise<undefined> {
    return new Promise((resolve) => this.#clock.timer(fetchTimeoutMs, () => resolve(undefined)))
  }

  async #fetchContent(leastUrgentMode: DeliveryMode): Promise<HookContent> {
    const messages = await this.#hostSession.fetchMessages(maxMessagesShown, leastUrgentMode).catch(() => [])
    const messageText = await renderMessages(this.#hostSession, messages)
    const notices = this.#hostSession.takeNotices().map((notice) => `Notice from Tony: ${notice}`)
    const text = [...notices, ...(messageText === '' ? [] : [messageText])].join('\n')
    return { text, messageIds: messages.map(({ id }) => id) }
  }
}
