import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The state of a listening socket in `/proc/net/tcp`. */
const listening = '0A'

/** Returns the result of a read in `/proc`; undefined if the process ended or belongs to others. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** Returns the numbers of the sockets that listen on a port. */
function socketsOn(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => tryRead(() => readFileSync(path, 'utf8')) ?? '')
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
  const found = rows.filter(([, local, , state]) => local?.endsWith(suffix) && state === listening)
  return new Set(found.flatMap(([, , , , , , , , , socket]) => (socket === undefined ? [] : [`socket:[${socket}]`])))
}

/**
 * Returns the process that listens on a port, such as `process 4711 (nginx)`. Undefined if this
 * user may not see it, and on other systems than Linux.
 */
export function findPortHolder(port: number): string | undefined {
  const sockets = socketsOn(port)
  if (sockets.size === 0) return undefined
  const pids = (tryRead(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name))
  const pid = pids.find((name) => {
    const files = tryRead(() => readdirSync(`/proc/${name}/fd`)) ?? []
    return files.some((file) => sockets.has(tryRead(() => readlinkSync(`/proc/${name}/fd/${file}`)) ?? ''))
  })
  if (pid === undefined) return undefined
  const name = tryRead(() => readFileSync(`/proc/${pid}/comm`, 'utf8'))?.trim()
  return `process ${pid}${name ? ` (${name})` : ''}`
}
