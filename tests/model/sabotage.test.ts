import { describe, expect, test } from 'vitest'
import { faults } from './sabotage/faults.ts'
import { judged, plant, plantInFile, verdictOf } from './sabotage/judged.ts'

/** `npm run sabotage` runs all faults. This sample shows that the tests can find one. */
const sample = [
  'a claim does not count as an attempt',
  'a child does not wait for what its parent waits for',
  'a key has several holders',
  'a delivery does not count',
  'an event has another type',
]

describe('a fault planted in the server', () => {
  test.each(sample)('is found: %s', async (name) => {
    const fault = faults.find((one) => one.name === name)
    if (!fault) throw new Error(`no fault ${name}`)
    expect(await judged(fault, 400)).toMatchObject({ outcome: 'caught' })
  })

  test('without an effect is not found', async () => {
    const find = 'while (tasks.length < limit)'
    const fault = {
      name: 'none',
      file: 'server/src/operations/tasks/claim.ts',
      find,
      replace: find,
      suite: 'tasks',
    } as const
    expect(await judged(fault, 2)).toMatchObject({ outcome: 'survived' })
  })

  test('in a file that is not loaded gives no result', async () => {
    const fault = { name: 'elsewhere', file: 'cli/src/program.ts', find: 'x', replace: 'y', suite: 'tasks' } as const
    expect(await judged(fault, 2)).toMatchObject({ outcome: 'broken' })
  })

  test('whose process ends without output is neither caught nor survived', () => {
    const verdict = verdictOf({ code: null, signal: 'SIGKILL', output: '\n' })
    expect(verdict).toEqual({ outcome: 'silent', output: 'ended without a word, by SIGKILL' })
    expect(verdictOf({ code: 0, signal: null, output: '' })).toMatchObject({ outcome: 'silent' })
  })

  test('has its line exactly once in its file', () => {
    for (const fault of faults) expect(plantInFile(fault)).not.toBe('')
    const fault = { name: 'twice', file: 'a.ts', find: 'x', replace: 'y' }
    expect(() => plant(fault, 'x x')).toThrow('2 times')
    expect(() => plant(fault, '')).toThrow('0 times')
  })

  test('has a name of its own', () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
  })
})
