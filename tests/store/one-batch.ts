import { occupy } from '../api/given.ts'
import type { TestServer } from '../support/server.ts'
import { projectOf } from '../support/store.ts'

export const below = (end: number): number[] => Array.from({ length: end }, (_, index) => index)

export const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'ok' : String(result.reason.code)

/**
 * Makes the calls while the writer is busy, so that they share a batch in their order. Returns
 * their outcomes.
 */
export async function inOneBatch(server: TestServer, calls: readonly (() => Promise<unknown>)[]) {
  const { store } = server.parts
  const project = await projectOf(store)
  await using busy = await occupy(server, project)
  let settled = 0
  // A call that is refused before it gets to the queue does not wait.
  const arrived = () => store.queueState.normal.waiting + store.queueState.urgent.waiting + settled
  const results: Promise<unknown>[] = []
  for (const call of calls) {
    const before = arrived()
    const result = call().finally(() => (settled += 1))
    result.catch(() => undefined)
    results.push(result)
    while (arrived() <= before) await new Promise((resolve) => setImmediate(resolve))
  }
  await busy.free()
  return Promise.allSettled(results)
}
