import { spawn } from 'node:child_process'
import { startTimer } from '../timer.ts'

/** So much of the end of what a command says of errors goes into the error of its task, in characters. */
const tailCharacters = 2_000

export interface ChildOptions {
  readonly command: readonly [string, ...string[]]
  readonly env: NodeJS.ProcessEnv
  /** Asks the command to end: SIGTERM, and SIGKILL when it has not within `graceMs`. */
  readonly stop: AbortSignal
  readonly graceMs: number
}

export interface ChildResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote to its standard error. */
  readonly tail: string
}

/** Ends a command and whatever it has started. */
function sendSignal(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Runs one command to its end. Rejects when it cannot be started. */
export function runCommand({ command: [program, ...args], env, stop, graceMs }: ChildOptions): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    // In a group of its own: a signal reaches all it has started, and one from the terminal does not reach it past us.
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
      // What it has started and left behind would go on with a task that is over.
      sendSignal(child.pid, 'SIGKILL')
      resolve({ code, signal, tail: tail.trim() })
    })
  })
}
