import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { chooseErrors, runWithError } from '../support/power/io-errors.ts'
import { canRecord, recorderVariables } from '../support/power/recorder.ts'
import { roundsOf } from '../support/rounds.ts'
import { StoreFolder } from '../support/store.ts'

const count = roundsOf({ part: 3, full: 21, variable: 'IO_ERRORS' })
const flushBetween = fileURLToPath(new URL('../support/children/flush-between.ts', import.meta.url))

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

test.runIf(canRecord())('a file whose flush failed in between is refused, although its last flush succeeds', () => {
  using folder = new StoreFolder()
  const file = join(folder.path, 'backup.partial')
  const env = { ...process.env, ...recorderVariables(folder.path, join(folder.path, 'trace')), POWER_FAIL: 'sync:1' }
  const output = execFileSync(process.execPath, ['--conditions=tony-source', flushBetween, file], { env })
  expect(JSON.parse(String(output))).toEqual({ between: 'EIO', last: 'EIO' })
  expect(existsSync(file)).toBe(false)
})
