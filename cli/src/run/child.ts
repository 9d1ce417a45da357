import { spawn } from 'node:child_process'
import { startTimer } from '../timer.ts'

/** Length of the tail of standard error that becomes part of a task's error, in characters. */
const tailCharacters = 2_000

export interface ChildOptions {
  readonly command: readonly [string, ...string[]]
  readonly env: NodeJS.ProcessEnv
  /** Ends the command with SIGTERM, and with SIGKILL after `graceMs`. */
  readonly stop: AbortSignal
  readonly graceMs: number
}

export interface ChildResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of its standard error. */
  readonly tail: string
}

/** Sends a signal to a command and all its descendants. */
function sendSignal(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch (error) {
    // The process has ended already.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Runs one command to its end. Rejects if it cannot be started. */
export function runChild({ command: [program, ...args], env, stop, graceMs }: ChildOptions): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    // The command has its own process group. A signal then reaches all its descendants, and a
    // signal of the terminal does not reach the command directly.
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'inherit', 'pipe'] })
    let tail = ''
    child.stderr.on('data', (data: Buffer) => {
      process.stderr.write(data)
      tail = `${tail}${data}`.slice(-tailCharacters)
    })
    let cancel = () => undefined as unknown
    const end = () => {
      sendSignal(child.pid, 'SIGTERM')
      cancel = startTimer(graceMs, () => sendSignal(child.pid, 'SIGKILL'))
    }
    if (stop.aborted) end()
    else stop.addEventListener('abort', end, { once: true })
    const cleanUp = () => {
      cancel()
      stop.removeEventListener('abort', end)
    }
    child.once('error', (error) => {
      cleanUp()
      reject(error)
    })
    child.once('exit', (code, signal) => {
      cleanUp()
      // A descendant left behind would continue to work on a task that is over.
      sendSignal(child.pid, 'SIGKILL')
      resolve({ code, signal, tail: tail.trim() })
    })
  })
}
