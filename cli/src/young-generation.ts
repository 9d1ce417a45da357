import { accessSync, constants } from 'node:fs'
import { variable } from './environment.ts'

const semiSpaceFlag = '--max-semi-space-size'

/** MiB of each of the two halves of V8's young generation. Its default is 16. */
const semiSpaceMb = 32

/** False if the file is gone, as in an update of Node: a failed `execve` ends the process. */
function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Restarts this process in place with a larger young generation, which V8 reads only at the start
 * of a process. With the default size the objects of open calls survive several collections, and
 * copying them took a fifth of the CPU time of a message. The process keeps its id and its three
 * standard streams. Other open file descriptors are lost.
 *
 * Does nothing if the size is set already, or if a process cannot replace itself: on Windows, with
 * a parent that uses an IPC channel, or if Node's permission model forbids it.
 */
export function restartWithLargerYoungGeneration(): void {
  const { argv, channel, execArgv, execPath, execve, permission, platform } = process
  // Node takes the underscores of V8 too.
  const options = [...execArgv, variable('NODE_OPTIONS') ?? ''].map((text) => text.replaceAll('_', '-'))
  const isSet = options.some((text) => text.includes(semiSpaceFlag))
  if (isSet || !execve || platform === 'win32' || channel) return
  if ((permission && !permission.has('child')) || !isExecutable(execPath)) return
  execve.call(process, execPath, [execPath, ...execArgv, `${semiSpaceFlag}=${semiSpaceMb}`, ...argv.slice(1)])
}
