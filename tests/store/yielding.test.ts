import { systemClock } from '@tony/mcp-server/platform/clock'
import { forEachYielding, mapYielding } from '@tony/mcp-server/platform/yielding'
import { expect, test } from 'vitest'

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

test('the values of a loop in turns keep their order', async () => {
  const numbers = Array.from({ length: 1_000 }, (_, index) => index)
  expect(await mapYielding(numbers, (number) => number * 2)).toEqual(numbers.map((number) => number * 2))
})
