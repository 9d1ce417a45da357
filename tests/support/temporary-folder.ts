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

/** Sends a signal, or none with 0. Returns false if the process does not exist. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}

/** Deletes a folder of a run, and ends the PostgreSQL servers that its tests have left in it. */
function remove(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, name, 'data', 'postmaster.pid')
    if (existsSync(file)) signal(Number.parseInt(readFileSync(file, 'utf8'), 10), 'SIGQUIT')
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

/**
 * Creates the folder of the run's temporary files. It is in memory if there are 2 GiB, because a
 * commit then waits for no disk. Deletes the folders of runs that were killed.
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
