import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const memory = '/dev/shm'
const prefix = 'tony-tests-'
const enoughBytes = 2 ** 31

function hasRoom(): boolean {
  if (!existsSync(memory)) return false
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize >= enoughBytes
}

/** Sends a signal, or 0 for none; false if there is no such process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}

/** Deletes a folder of a run, and ends the PostgreSQL servers that its tests left behind in it. */
function remove(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, name, 'data', 'postmaster.pid')
    if (existsSync(file)) signal(Number.parseInt(readFileSync(file, 'utf8'), 10), 'SIGQUIT')
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

/**
 * Gives the run a folder for its temporary files: in memory if there are 2 GiB of it, where a commit
 * waits for no disk. The folders of runs that were killed are deleted.
 */
export function setup(): () => void {
  const parent = hasRoom() ? memory : tmpdir()
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : undefined
    if (pid && !signal(pid, 0)) remove(join(parent, name))
  }
  const folder = join(parent, `${prefix}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.env['TMPDIR'] = folder
  return () => remove(folder)
}
