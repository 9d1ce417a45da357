import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'

/**
 * Starts a server in serve mode on a file. Prints as JSON the flushed files and folders and the
 * renamed files, in order. Paths are relative to the folder of the database, which is `.`.
 */
const [, , database = ''] = process.argv
const trace: string[] = []
const descriptors = new Map<number, string>()
const nameOf = (path: fs.PathLike): string => (String(path) === dirname(database) ? '.' : basename(String(path)))

const { openSync, fsyncSync, renameSync, linkSync } = fs
fs.openSync = ((path: fs.PathLike, ...rest: [string]) => {
  const descriptor = openSync(path, ...rest)
  descriptors.set(descriptor, nameOf(path))
  return descriptor
}) as typeof openSync
fs.fsyncSync = (descriptor) => {
  trace.push(`flush ${descriptors.get(descriptor)}`)
  fsyncSync(descriptor)
}
fs.renameSync = (from, to) => {
  trace.push(`name ${nameOf(from)} ${nameOf(to)}`)
  renameSync(from, to)
}
fs.linkSync = (from, to) => {
  trace.push(`name ${nameOf(from)} ${nameOf(to)}`)
  linkSync(from, to)
}
syncBuiltinESMExports()

const { readConfig } = await import('@tony/mcp-server/config')
const { startServer } = await import('@tony/mcp-server/server')
const config = readConfig('serve', { DATABASE_PATH: database, MCP_PORT: '0', LOG_LEVEL: 'silent' })
const server = await startServer({ ...config, ballastBytes: 0 }, systemClock)
process.stdout.write(`trace ${JSON.stringify(trace)}\n`)
await server[Symbol.asyncDispose]()
