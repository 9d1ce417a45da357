import { createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from './workspace.ts'

/** How long one start may take for itself before others take it for dead, in milliseconds. */
const staleMs = 5_000

const sleepBuffer = new Int32Array(new SharedArrayBuffer(4))

/** One start at a time: two that begin together must not become one agent. */
function withStartLock<T>(folder: string, work: () => T): T {
  const lock = join(folder, 'starting')
  let seen: number | undefined
  for (let waited = 0; !tryLock(lock); waited += 5) {
    Atomics.wait(sleepBuffer, 0, 0, 5)
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (since !== seen) waited = 0
    seen = since
    if (waited > staleMs) rmSync(lock, { recursive: true, force: true })
  }
  try {
    return work()
  } finally {
    rmdirSync(lock)
  }
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** When a process began, so that another one that has got its number is not taken for it. Empty where that cannot be told. */
export function startTimeOf(pid: number): string {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return ''
  const fields = readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return fields[19] ?? ''
}

/** The host's session, as far as this process can tell: what it was told, or else the process that started it. */
export const sessionKey = (hostSessionId: string | undefined): string =>
  hostSessionId ?? `${process.ppid} ${startTimeOf(process.ppid)}`

/** What a session proves its names with. It is made of one secret of this machine's user, and so the same after a restart. */
function readInstanceSecret(folder: string): Buffer {
  const file = join(folder, 'instance.key')
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  return Buffer.from(readFileSync(file, 'utf8'), 'base64url')
}

/** One session's own place among those of the same host and workspace. */
export interface Slot {
  /** The same for the same session in the same workspace, and no other's. */
  readonly name: string
  /** The secret that proves a name is this session's. */
  readonly instanceIdOf: (name: string) => string
  /** Leaves the place to others. */
  readonly release: () => void
}

/** Takes the first place that no living process has. */
export function takeSlot(folder: string, session: string, { root, name }: Workspace): Slot {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return withStartLock(folder, () => {
    const secret = readInstanceSecret(folder)
    for (let n = 0; ; n += 1) {
      const id = createHash('sha256').update(`${hostname()}\0${root}\0${session}\0${n}`).digest('hex').slice(0, 8)
      const file = join(folder, `${id}.pid`)
      if (existsSync(file) && isAlive(Number(readFileSync(file, 'utf8')))) continue
      writeFileSync(file, String(process.pid), { mode: 0o600 })
      return {
        name: `${name.replaceAll(/[^\w.-]+/g, '-').slice(0, 60)}-${id}`,
        instanceIdOf: (agent) => createHmac('sha256', secret).update(agent).digest('base64url'),
        release: () => rmSync(file, { force: true }),
      }
    }
  })
}
