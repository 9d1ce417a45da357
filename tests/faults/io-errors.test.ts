import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { canFailIn, chooseErrors, runWithError } from '../support/power/io-errors.ts'
import { canRecord, recorderVariables } from '../support/power/recorder.ts'
import { readTrace } from '../support/power/trace.ts'
import { roundsOf } from '../support/rounds.ts'
import { projectOf, StoreFolder } from '../support/store.ts'

const count = roundsOf({ part: 3, full: 21, variable: 'IO_ERRORS' })
const childOf = (name: string): string => fileURLToPath(new URL(`../support/children/${name}.ts`, import.meta.url))

/** Runs a child that is recorded, with variables of the recorder. Returns its output. */
function record(child: string, folder: StoreFolder, file: string, variables: Record<string, string>): string {
  const trace = join(folder.path, 'trace')
  const env = { ...process.env, ...recorderVariables(folder.path, trace), ...variables }
  const imports = `--import=${new URL('../support/resolve-drizzle.mjs', import.meta.url)}`
  const command = ['--conditions=tony-source', imports, childOf(child), file]
  return String(execFileSync(process.execPath, command, { env }))
}

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
  const output = record('flush-between', folder, file, { POWER_FAIL: 'sync:1' })
  expect(JSON.parse(output)).toEqual({ between: 'EIO', last: 'EIO' })
  expect(existsSync(file)).toBe(false)
})

test.runIf(canRecord())(
  'a store whose log cannot be read at its close fails with that error and keeps the log',
  async () => {
    using whole = new StoreFolder()
    expect(record('close-store', whole, whole.file, { POWER_READS: '1' })).toBe('closed')
    expect(existsSync(`${whole.file}-wal`)).toBe(false)
    const reads = canFailIn(readTrace(join(whole.path, 'trace'))).filter(({ kind }) => kind === 'read').length
    using failed = new StoreFolder()
    // The close reads the log, and nothing after it. SQLite reports EIO of a read as either code.
    expect(record('close-store', failed, failed.file, { POWER_FAIL: `read:${reads - 5}` })).toMatch(
      /^SQLITE_(IOERR|CORRUPT)/,
    )
    expect(existsSync(`${failed.file}-wal`)).toBe(true)
    await using store = await failed.open()
    expect(await projectOf(store)).not.toBe('')
  },
)
