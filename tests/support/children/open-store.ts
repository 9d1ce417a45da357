import { systemClock } from '@tony/mcp-server/platform/clock'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'

/** Opens the given file as its owner, prints a line and waits until it is killed. */
const [, , file = ''] = process.argv
await openSqlite({ file, durability: 'disk', clock: systemClock })
process.stdout.write('open\n')
process.stdin.resume()
