import { systemClock } from '@tony/mcp-server/platform/clock'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'

/** Owns the file it is given, says so, and stays until it is killed. */
const [, , file = ''] = process.argv
await openSqlite({ file, durability: 'disk', clock: systemClock })
process.stdout.write('open\n')
process.stdin.resume()
