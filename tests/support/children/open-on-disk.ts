import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { systemClock } from '@tony/mcp-server/platform/clock'

/**
 * Opens a file as if it were on a disk of the given type, by the number that statfs(2) returns for
 * it. Prints a line and waits until it is killed.
 */
const [, , file = '', type = ''] = process.argv
const { statfsSync } = fs
fs.statfsSync = ((path: string) => ({ ...statfsSync(path), type: Number(type) })) as typeof statfsSync
syncBuiltinESMExports()
const { openSqlite } = await import('@tony/mcp-server/store/sqlite/sqlite')
await openSqlite({ file, durability: 'disk', clock: systemClock })
process.stdout.write('open\n')
process.stdin.resume()
