import type { Transaction } from '../../store/store.ts'

/** Ends by task. True if the task has ended and its dependents will count that. */
type Ends = Map<string, Promise<boolean>>

const endsOf = (tx: Transaction): Ends => tx.share<Ends>('uncounted ends', () => new Map())

/**
 * Notes that an operation may end a task, before it does. Operations that run at the same time may
 * read the end before the dependents of the task have counted it.
 */
export const noteEnd = (tx: Transaction, taskId: string, isAwaited: Promise<boolean>): void => {
  endsOf(tx).set(
    taskId,
    // The operation itself throws the error.
    isAwaited.catch(() => false),
  )
}

/** Forgets an end that the dependents of the task have counted. */
export const forgetEnd = (tx: Transaction, taskId: string): void => {
  endsOf(tx).delete(taskId)
}

/** True if the dependents of an ended task are still to count its end. */
export const isUncountedEnd = async (tx: Transaction, taskId: string): Promise<boolean> =>
  (await endsOf(tx).get(taskId)) ?? false
