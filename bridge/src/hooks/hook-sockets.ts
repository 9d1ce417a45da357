import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord } from '../is-record.ts'
import { isAlive } from '../session/processes.ts'

/**
 * The file that a bridge writes for the hooks of its host, readable by this user alone. A hook
 * reads it after each tool call of the host. It is checked by hand, because loading a library for
 * schemas takes more time than the rest of the hook.
 */
export interface HookSocketInfo {
  /** Process id of the bridge. */
  readonly pid: number
  /** The process that started the bridge, and its start time. */
  readonly host: number
  readonly began: string
  /** The host's id of its session; null if it passes none. */
  readonly session: string | null
  readonly socket: string
  /** Proves that a hook has read this file. */
  readonly secret: string
}

const isHookSocketInfo = (value: unknown): value is HookSocketInfo & Record<string, unknown> =>
  isRecord(value) &&
  typeof value['pid'] === 'number' &&
  typeof value['host'] === 'number' &&
  typeof value['began'] === 'string' &&
  (value['session'] === null || typeof value['session'] === 'string') &&
  typeof value['socket'] === 'string' &&
  typeof value['secret'] === 'string'

function listHookSocketFiles(stateDir: string): string[] {
  if (!statSync(stateDir, { throwIfNoEntry: false })) return []
  return readdirSync(stateDir).filter((name) => name.startsWith('hook-socket-') && name.endsWith('.json'))
}

/** Returns the hook sockets of live bridges, newest first. Deletes the files of killed bridges. */
export function listAndPruneHookSockets(stateDir: string): HookSocketInfo[] {
  const hookSockets = listHookSocketFiles(stateDir).flatMap((name) => {
    const path = join(stateDir, name)
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (since === undefined) return []
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const info = isHookSocketInfo(parsed) ? parsed : undefined
    if (info && isAlive(info.pid)) return [{ info, since }]
    rmSync(path, { force: true })
    if (info && process.platform !== 'win32') rmSync(info.socket, { force: true })
    return []
  })
  return hookSockets.sort((one, other) => other.since - one.since).map(({ info }) => info)
}
