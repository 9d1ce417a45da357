import { shareClass } from '../api/shared-class.ts'

/**
 * An error that ends the task as failed, even if attempts are left. Throw it from a handler.
 *
 * @example
 * ```ts
 * agent.work((task) => {
 *   if (task.title === null) throw new FinalError('the task has no title')
 * })
 * ```
 */
export class FinalError extends Error {
  override readonly name = 'FinalError'
}

shareClass(FinalError, 'FinalError')
