import type { Client, FeedEvent } from '@tony/mcp-client'

interface RetryOptions {
  readonly tasks: boolean
  readonly messages: boolean
}

/** The state of the run by its feed. */
export class Tally {
  readonly #counts = new Map<string, number>()
  readonly #openTasks = new Set<string>()
  readonly #openMessages = new Set<string>()
  #waiters: (() => void)[] = []
  /** True if operators retry failed tasks or redrive dead letters, which are then not final. */
  readonly #retried: RetryOptions
  lastSeq = 0

  constructor(retried: RetryOptions) {
    this.#retried = retried
  }

  count(type: FeedEvent['type']): number {
    return this.#counts.get(type) ?? 0
  }

  get openTasks(): number {
    return this.#openTasks.size
  }

  get openMessages(): number {
    return this.#openMessages.size
  }

  /** Follows the feed from its beginning until the client is closed. */
  async follow(client: Client): Promise<void> {
    for await (const event of client.events.subscribe({ cursor: 'start' })) {
      this.lastSeq = event.seq
      this.#apply(event)
      for (const wake of this.#waiters.splice(0)) wake()
    }
  }

  /** Resolves when the event with this number was read. */
  async waitForSeq(seq: number): Promise<void> {
    while (this.lastSeq < seq) await this.#waitForEvent()
  }

  /** Resolves when every task has ended and every message is acked, expired or finally dead. */
  async waitUntilSettled(): Promise<void> {
    while (this.#openTasks.size + this.#openMessages.size > 0) await this.#waitForEvent()
  }

  /** Resolves when every task has ended, whether messages are open or not. */
  async waitUntilTasksEnded(): Promise<void> {
    while (this.#openTasks.size > 0) await this.#waitForEvent()
  }

  #waitForEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
    })
  }

  #apply({ type, subject, data }: FeedEvent): void {
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1)
    if (subject === null) return
    if (type === 'task.created') {
      // A task that was imported as ended is not work of this run.
      if (!isEnded(data)) this.#openTasks.add(subject)
    } else if (type === 'message.sent') this.#openMessages.add(subject)
    else if (taskEnds.has(type) || (type === 'task.failed' && !this.#retried.tasks)) this.#openTasks.delete(subject)
    else if (messageEnds.has(type) || (type === 'message.dead' && !this.#retried.messages))
      this.#openMessages.delete(subject)
  }
}

const taskEnds: ReadonlySet<string> = new Set(['task.completed', 'task.cancelled'])
const messageEnds: ReadonlySet<string> = new Set(['message.acked', 'message.expired', 'message.purged'])

const endStatuses: ReadonlySet<unknown> = new Set(['completed', 'failed', 'cancelled'])

const isEnded = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && 'status' in data && endStatuses.has(data.status)
