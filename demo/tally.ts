import type { Client, FeedEvent } from '@tony/mcp-client'

interface Revived {
  readonly tasks: boolean
  readonly mail: boolean
}

/** The state of the run by its feed. */
export class Tally {
  readonly #counts = new Map<string, number>()
  readonly #open = new Set<string>()
  readonly #openMail = new Set<string>()
  #waiting: (() => void)[] = []
  /** True if operators retry failed tasks or redrive dead letters, which are then not final. */
  readonly #revived: Revived
  last = 0

  constructor(revived: Revived) {
    this.#revived = revived
  }

  count(type: FeedEvent['type']): number {
    return this.#counts.get(type) ?? 0
  }

  get openTasks(): number {
    return this.#open.size
  }

  get openMail(): number {
    return this.#openMail.size
  }

  /** Follows the feed from its beginning until the client is closed. */
  async follow(client: Client): Promise<void> {
    for await (const event of client.events.subscribe({ cursor: 'start' })) {
      this.last = event.seq
      this.#take(event)
      for (const look of this.#waiting.splice(0)) look()
    }
  }

  /** Resolves when the event with this number was read. */
  async reached(seq: number): Promise<void> {
    while (this.last < seq) await this.#change()
  }

  /** Resolves when every task has ended and every message is acked, expired or finally dead. */
  async settled(): Promise<void> {
    while (this.#open.size + this.#openMail.size > 0) await this.#change()
  }

  /** Resolves when every task has ended, whether messages are open or not. */
  async tasksSettled(): Promise<void> {
    while (this.#open.size > 0) await this.#change()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  #take({ type, subject, data }: FeedEvent): void {
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1)
    if (subject === null) return
    if (type === 'task.created') {
      // A task that was imported as ended is not work of this run.
      if (!isOver(data)) this.#open.add(subject)
    } else if (type === 'message.sent') this.#openMail.add(subject)
    else if (taskEnds.has(type) || (type === 'task.failed' && !this.#revived.tasks)) this.#open.delete(subject)
    else if (mailEnds.has(type) || (type === 'message.dead' && !this.#revived.mail)) this.#openMail.delete(subject)
  }
}

const taskEnds: ReadonlySet<string> = new Set(['task.completed', 'task.cancelled'])
const mailEnds: ReadonlySet<string> = new Set(['message.acked', 'message.expired', 'message.purged'])

const over: ReadonlySet<unknown> = new Set(['completed', 'failed', 'cancelled'])

const isOver = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && 'status' in data && over.has(data.status)
