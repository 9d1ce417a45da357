import type { taskCreateInput } from '@tony/mcp-shared/task-creation'
import { task } from '@tony/mcp-shared/tasks'
import { createTypedCalls } from '@tony/mcp-tools/calls'
import type { z } from 'zod'
import { procedures, runCall, runSubscription } from '../../api/pipeline.ts'
import type { Connection } from '../../guards/call.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import type { StoredTask } from './task.ts'

/** The calls of one request, with the guards of every other transport. */
export class A2aCalls {
  readonly #connection: Connection
  readonly #signal: AbortSignal
  readonly call: ReturnType<typeof createTypedCalls>

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
    this.call = createTypedCalls((path, input) => this.#run(path, input))
  }

  get connection(): Connection {
    return this.#connection
  }

  #run(path: string, rawInput: unknown): Promise<unknown> {
    const kind = procedures.get(path)?.kind ?? 'query'
    return runCall({
      connection: this.#connection,
      requestId: uuidv7(),
      path,
      kind,
      rawInput,
      signal: this.#signal,
    })
  }

  async createTask(input: z.input<typeof taskCreateInput>): Promise<StoredTask> {
    return task.parse(await this.#run('tasks.create', input))
  }

  /** Number of tasks of a story. */
  async readStoryTree(story: string): Promise<unknown> {
    return this.#run('tasks.tree', { story })
  }

  /** Yields after each event of a task, and once when the subscription has begun. */
  async *subscribeToTask(taskId: string, signal: AbortSignal): AsyncGenerator<void> {
    const rawInput = { taskId }
    const combined = AbortSignal.any([this.#signal, signal])
    const request = { connection: this.#connection, requestId: uuidv7(), path: 'events.subscribe' }
    for await (const _ of runSubscription({ ...request, kind: 'subscription', rawInput, signal: combined })) yield
  }
}
