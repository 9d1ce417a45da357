import { systemClock } from '@tony/mcp-server/platform/clock'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'

/** Opens the given file, closes it again and prints the code of an error at the close. */
const [, , file = ''] = process.argv
const store = await openSqlite({ file, durability: 'disk', clock: systemClock })
const code = await store[Symbol.asyncDispose]().then(
  () => 'closed',
  (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
)
process.stdout.write(code, () => process.exit())
