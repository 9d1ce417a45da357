import { createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isAlive, startTimeOf } from './processes.ts'
import type { Workspace } from './workspace.ts'

/** Time after which the lock of another start counts as abandoned, in milliseconds. */
const staleMs = 5_000

const sleepBuffer = new Int32Array(new SharedArrayBuffer(4))

/** Runs one start at a time. Two bridges that start together must not become the same agent. */
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

/**
 * Returns the key of a host session: the host's id of it, or else the process that started this
 * one.
 */
export const hostSessionKey = (hostSessionId: string | undefined): string =>
  hostSessionId ?? `${process.ppid} ${startTimeOf(process.ppid)}`

/**
 * Returns the secret that instance ids are derived from. It belongs to this user and this machine,
 * so it is the same after a restart.
 */
function readInstanceSecret(folder: string): Buffer {
  const file = join(folder, 'instance.key')
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  return Buffer.from(readFileSync(file, 'utf8'), 'base64url')
}

/** The slot of a host session among the sessions of the same host and workspace. */
export interface Slot {
  /** Name of the agent: stable for a session in a workspace, and unique. */
  readonly name: string
  /** Returns the instance id of this session for a name. */
  readonly instanceIdOf: (name: string) => string
  /** Frees the slot. */
  readonly release: () => void
}

/** Takes the first slot that no live process has. */
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
        name: `${name.replaceAll(/[^\p{L}\p{N}_.-]+/gu, '-').slice(0, 60)}-${id}`,
        instanceIdOf: (agent) => createHmac('sha256', secret).update(agent).digest('base64url'),
        release: () => rmSync(file, { force: true }),
      }
    }
  })
}
