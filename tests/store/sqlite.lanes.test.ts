import { expect, test } from 'vitest'
import { ManualClock } from '../support/clock.ts'
import { projectOf, StoreFolder } from '../support/store.ts'

test('a batch of bulk operations gives way after 3 ms to an operation that has arrived', async () => {
  using folder = new StoreFolder()
  const clock = new ManualClock()
  await using store = await folder.open({ clock })
  const project = await projectOf(store)
  const order: string[] = []
  const arrived: Promise<unknown>[] = []
  const runBulk = (name: string, ms: number, then: () => void = () => undefined) =>
    store.transact({ project, lane: 'bulk' }, async () => {
      order.push(name)
      clock.advance(ms)
      then()
    })
  const arrive = () => arrived.push(store.transact({ project }, async () => order.push('normal')))
  await Promise.all([runBulk('first', 2), runBulk('second', 2, arrive), runBulk('third', 2)])
  await Promise.all(arrived)
  expect(order).toEqual(['first', 'second', 'normal', 'third'])
})
