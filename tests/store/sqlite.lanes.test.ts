import type { Transaction } from '@tony/mcp-server/store/store'
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

test('an old backlog of one caller counts for its own operations, and the turn of a caller for those of others', async () => {
  using folder = new StoreFolder()
  const clock = new ManualClock()
  await using store = await folder.open({ clock })
  const project = await projectOf(store)
  const blocks = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const begun = Promise.withResolvers<void>()
  const ages = () => ['busy', 'modest'].map((caller) => store.queueAgeMs({ project, caller }))
  const first = store.transact({ project }, () => blocks[0].promise)
  const busy = Array.from({ length: 300 }, (_, index) =>
    store.transact({ project, caller: 'busy' }, async () => {
      if (index > 0) return
      begun.resolve()
      await blocks[1].promise
    }),
  )
  clock.advance(2_000)
  expect(ages()).toEqual([2_000, 2_000])
  blocks[0].resolve()
  await begun.promise
  expect(ages()).toEqual([2_000, 0])
  clock.advance(500)
  expect(ages()).toEqual([2_500, 500])
  blocks[1].resolve()
  await Promise.all([first, ...busy])
  expect(ages()).toEqual([0, 0])
})

/** A clock that knows the CPU time of the thread, which a test adds to. */
class BusyClock extends ManualClock {
  cpuMs = 0
  readonly threadCpu = (): number => this.cpuMs
}

/** Returns the sizes of the batches of ten operations, each of which takes these times. */
async function sizesOfBatches(times: { readonly ms: number; readonly cpuMs: number }): Promise<number[]> {
  using folder = new StoreFolder()
  const clock = new BusyClock()
  await using store = await folder.open({ clock })
  const project = await projectOf(store)
  const work = async ({ now }: Transaction): Promise<number> => {
    clock.advance(times.ms)
    clock.cpuMs += times.cpuMs
    return now
  }
  const operations = Array.from({ length: 10 }, () => store.transact({ project }, work))
  // All operations of a batch have one time.
  return [...Map.groupBy(await Promise.all(operations), (now) => now).values()].map(({ length }) => length)
}

test('a batch ends after 10 ms of CPU time, and after 40 ms that other programs use', async () => {
  expect(await sizesOfBatches({ ms: 5, cpuMs: 5 })).toEqual([3, 3, 3, 1])
  expect(await sizesOfBatches({ ms: 5, cpuMs: 1 })).toEqual([9, 1])
  expect(await sizesOfBatches({ ms: 1, cpuMs: 5 })).toEqual([10])
})
