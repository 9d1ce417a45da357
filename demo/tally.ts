import type { Client, FeedEvent } from '@tony/mcp-client'

interface Revived {
  readonly tasks: boolean
  readonly mail: boolean
}

/** What the feed says of the run so far. */
export class Tally {
  readonly #counts = new Map<string, number>()
  readonly #open = new Set<string>()
  readonly #openMail = new Set<string>()
  #waiting: (() => void)[] = []
  /** Whether somebody revives tasks that failed and mail that died: then those are not over. */
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

  /** Settles when the event of this number has been read. */
  async reached(seq: number): Promise<void> {
    while (this.last < seq) await this.#change()
  }

  /** Settles when every task has ended and every message is acked or dead. */
  async settled(): Promise<void> {
    while (this.#open.size + this.#openMail.size > 0) await this.#change()
  }

  /** Settles when every task has ended, whatever becomes of the mail. */
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
      // What was over where it was imported from is nobody's work.
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
