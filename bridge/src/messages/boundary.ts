import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { tellMail } from '@tony/mcp-tools/mail'
import type { Clock } from '../clock.ts'
import type { Session } from '../session/host-session.ts'
import { shownAtOnce } from './inbox.ts'

/** How long the server may take, in milliseconds: the host stands still meanwhile. */
const withinMs = 1_000

/** What is to be put before a model, and the messages that are in it. */
export interface Showing {
  readonly text: string
  readonly messageIds: readonly string[]
}

const nothing: Showing = { text: '', messageIds: [] }

/** What waits for a session's model, as it is shown between two of its steps. */
export class Boundary {
  readonly #session: Session
  readonly #clock: Clock
  /** What was made ready for somebody who had gone: it is shown at the next boundary. */
  #kept: Showing[] = []
  #looking: Promise<Showing> | undefined

  constructor(session: Session, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  /**
   * What is new since the last time, of messages those that may be shown here; empty when there is nothing, or the server is
   * away. Each message is in one answer.
   */
  async look(upTo: DeliveryMode): Promise<Showing> {
    // A server that is away is asked by one at a time.
    if (this.#looking) return this.#take()
    const looking = this.#ask(upTo)
    this.#looking = looking.finally(() => {
      this.#looking = undefined
    })
    const showing = await Promise.race([looking.catch(() => nothing), this.#late()])
    if (!showing) looking.then((late) => this.keep(late)).catch(() => undefined)
    return this.#take(showing)
  }

  /** It is put before the model now. */
  shown({ messageIds }: Showing): Promise<void> {
    return this.#session.shown(messageIds)
  }

  /** It was not shown. */
  keep(showing: Showing): void {
    if (showing.text !== '') this.#kept.push(showing)
  }

  #take(also = nothing): Showing {
    const all = [...this.#kept, also]
    this.#kept = []
    return {
      text: all.flatMap(({ text }) => (text === '' ? [] : [text])).join('\n\n'),
      messageIds: all.flatMap(({ messageIds }) => messageIds),
    }
  }

  #late(): Promise<undefined> {
    return new Promise((resolve) => this.#clock.timer(withinMs, () => resolve(undefined)))
  }

  async #ask(upTo: DeliveryMode): Promise<Showing> {
    const mail = await this.#session.fetch(shownAtOnce, upTo).catch(() => [])
    const letters = await tellMail(this.#session, mail)
    const notices = this.#session.notices().map((notice) => `Notice from Tony: ${notice}`)
    const text = [...notices, ...(letters === '' ? [] : [letters])].join('\n')
    return { text, messageIds: mail.map(({ id }) => id) }
  }
}
