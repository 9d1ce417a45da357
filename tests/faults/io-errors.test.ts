import { describe, expect, test } from 'vitest'
import { chooseErrors, runWithError } from '../support/power/io-errors.ts'
import { canRecord } from '../support/power/recorder.ts'
import { roundsOf } from '../support/rounds.ts'

const count = roundsOf({ part: 3, full: 21, variable: 'IO_ERRORS' })

describe.runIf(canRecord())('a write, a sync or a read of the database that fails', () => {
  test('ends the server with a message, and the next one has everything acknowledged, after a power cut too', async () => {
    const wrong: string[] = []
    let reached = 0
    for (const error of await chooseErrors(count)) {
      const run = await runWithError(error)
      if (run.reached) reached += 1
      wrong.push(...run.problems.map((problem) => `${error}: ${problem}`))
    }
    process.stdout.write(`I/O errors: ${reached} of ${count} reached\n`)
    expect(wrong).toEqual([])
    expect(reached).toBeGreaterThan(count / 2)
  }, 900_000)
})
