import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { renderMessages } from '@tony/mcp-tools/messages'
import type { Clock } from '../clock.ts'
import { maxMessagesShown } from '../messages/inbox.ts'
import type { HostSession } from '../session/host-session.ts'

/** How long the server may take, in milliseconds: the host stands still meanwhile. */
const fetchTimeoutMs = 1_000

/** What is to be put before a model, and the messages that are in it. */
export interface HookContent {
  readonly text: string
  readonly messageIds: readonly string[]
}

const emptyContent: HookContent = { text: '', messageIds: [] }

/** What waits for a session's model, as it is shown between two of its steps. */
export class HookContentSource {
  readonly #hostSession: HostSession
  readonly #clock: Clock
  /** What was made ready for somebody who had gone: it is shown at the next boundary. */
  #unshown: HookContent[] = []
  #pendingFetch: Promise<HookContent> | undefined

  constructor(session: HostSession, clock: Clock) {
    this.#hostSession = session
    this.#clock = clock
  }

  /**
   * What is new since the last time, of messages those that may be shown here; empty when there is nothing, or the server is
   * away. Each message is in one answer.
   */
  async getContent(leastUrgentMode: DeliveryMode): Promise<HookContent> {
    // A server that is away is asked by one at a time.
    if (this.#pendingFetch) return this.#take()
    const pending = this.#fetchContent(leastUrgentMode)
    this.#pendingFetch = pending.finally(() => {
      this.#pendingFetch = undefined
    })
    const content = await Promise.race([pending.catch(() => emptyContent), this.#timeout()])
    if (!content) pending.then((late) => this.putBack(late)).catch(() => undefined)
    return this.#take(content)
  }

  /** It is put before the model now. */
  markShown({ messageIds }: HookContent): Promise<void> {
    return this.#hostSession.markShown(messageIds)
  }

  /** It was not shown. */
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
