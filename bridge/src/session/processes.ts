import { existsSync, readFileSync } from 'node:fs'

/** Returns the state and the further fields of a process. Empty if the system has no such file. */
function readProcessFields(pid: number): string[] {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? []
}

/**
 * True until a process has ended. The first process of a container may never take the exit status
 * of others, and the id of an ended process then stays in use.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return readProcessFields(pid)[0] !== 'Z'
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * Returns the start time of a process, which tells it from a later process with the same id. Empty
 * if the system does not provide it.
 */
export const startTimeOf = (pid: number): string => readProcessFields(pid)[19] ?? ''
