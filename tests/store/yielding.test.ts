import { systemClock } from '@tony/mcp-server/platform/clock'
import { forEachYielding, mapYielding } from '@tony/mcp-server/platform/yielding'
import { expect, test } from 'vitest'
import { projectOf, StoreFolder } from '../support/store.ts'

/** Holds the event loop for longer than a slice of time. */
function hold(): void {
  const end = systemClock.monotonic() + 5
  while (systemClock.monotonic() < end);
}

test('a loop of long steps lets other callbacks run between its steps', async () => {
  const seen: string[] = []
  const other = () => seen.push('other')
  setImmediate(other)
  await forEachYielding(['first', 'second'], (step) => {
    hold()
    seen.push(step)
  })
  expect(seen).toEqual(['first', 'other', 'second'])
})

test('while others are busy they get four turns of the event loop between two steps', async () => {
  const seen: string[] = []
  const other = () => {
    seen.push('other')
    hold()
    next = setImmediate(other)
  }
  let next = setImmediate(other)
  await forEachYielding(['first', 'second'], (step) => {
    hold()
    seen.push(step)
  })
  clearImmediate(next)
  expect(seen.slice(0, seen.indexOf('second'))).toEqual(['first', 'other', 'other', 'other', 'other'])
})

test('the values of a loop in turns keep their order', async () => {
  const numbers = Array.from({ length: 1_000 }, (_, index) => index)
  expect(await mapYielding(numbers, (number) => number * 2)).toEqual(numbers.map((number) => number * 2))
})

/** Counts the turns of the event loop until it is disposed of. */
function countTurns(): { turns: number } & Disposable {
  const counter = { turns: 0, [Symbol.dispose]: () => clearImmediate(next) }
  const count = () => {
    counter.turns += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  return counter
}

test('the commit of a batch that took long has a turn of the event loop of its own', async () => {
  using folder = new StoreFolder()
  await using store = await folder.open({ clock: systemClock })
  const project = await projectOf(store)
  using counter = countTurns()
  const written = await store.transact({ project }, async () => {
    hold()
    return counter.turns
  })
  expect(counter.turns).toBeGreaterThan(written)
})

test('the replies to a large batch are given in several turns of the event loop', async () => {
  using folder = new StoreFolder()
  await using store = await folder.open()
  const project = await projectOf(store)
  using counter = countTurns()
  const replied = await Promise.all(
    Array.from({ length: 200 }, () => store.transact({ project }, () => Promise.resolve()).then(() => counter.turns)),
  )
  const repliesByTurn = Map.groupBy(replied, (turn) => turn)
  for (const replies of repliesByTurn.values()) expect(replies.length).toBeLessThanOrEqual(64)
})
