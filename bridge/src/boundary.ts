import { presentMail } from '@tony/mcp-tools/mail'
import type { Clock } from './clock.ts'
import type { Session } from './session.ts'

/** So many messages are shown at one boundary; what is left comes at the next. */
const atOnce = 10

/** How long the server may take, in milliseconds: the host stands still meanwhile. */
const withinMs = 1_000

/** What waits for a session's model, as it is shown between two of its steps. */
export class Boundary {
  readonly #session: Session
  readonly #clock: Clock
  /** What was made ready for somebody who had gone: it is shown at the next boundary. */
  #kept: string[] = []
  #looking: Promise<string> | undefined

  constructor(session: Session, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  /** What is new since the last time; empty when there is nothing, or the server is away. Each message is in one answer. */
  async look(): Promise<string> {
    // A server that is away is asked by one at a time.
    if (this.#looking) return this.#take()
    const looking = this.#ask()
    this.#looking = looking.finally(() => {
      this.#looking = undefined
    })
    const text = await Promise.race([looking.catch(() => ''), this.#late()])
    if (text === undefined) looking.then((late) => this.keep(late)).catch(() => undefined)
    return [this.#take(), text ?? ''].filter((part) => part !== '').join('\n\n')
  }

  /** It was not shown. */
  keep(text: string): void {
    if (text !== '') this.#kept.push(text)
  }

  #take(): string {
    const kept = this.#kept.join('\n\n')
    this.#kept = []
    return kept
  }

  #late(): Promise<undefined> {
    return new Promise((resolve) => this.#clock.timer(withinMs, () => resolve(undefined)))
  }

  async #ask(): Promise<string> {
    const { signal } = new AbortController()
    const mail = await this.#session.receive(atOnce, { waitMs: 0, signal }).catch(() => [])
    const letters = mail.length === 0 ? [] : await presentMail(this.#session, mail)
    const shown = letters.flatMap(({ messageId, type, taskId, text }) => [
      `Message ${messageId}, type ${type}${taskId === undefined ? '' : `, about task ${taskId}`}:`,
      text,
    ])
    const notices = this.#session.notices().map((notice) => `Notice from Tony: ${notice}`)
    const answer = letters.length === 0 ? [] : ['Answer with the tool send, and the id of the message as replyTo.']
    return [...notices, ...shown, ...answer].join('\n')
  }
}
