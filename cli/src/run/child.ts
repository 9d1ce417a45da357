import { spawn } from 'node:child_process'
import { after } from '../clock.ts'

/** So much of the end of what a command says of errors goes into the error of its task, in characters. */
const tailCharacters = 2_000

export interface Started {
  readonly command: readonly [string, ...string[]]
  readonly env: NodeJS.ProcessEnv
  /** Asks the command to end: SIGTERM, and SIGKILL when it has not within `graceMs`. */
  readonly stop: AbortSignal
  readonly graceMs: number
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The end of what it wrote to its standard error. */
  readonly tail: string
}

/** Ends a command and whatever it has started. */
function send(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Runs one command to its end. Rejects when it cannot be started. */
export function runCommand({ command: [program, ...args], env, stop, graceMs }: Started): Promise<Ended> {
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
      send(child.pid, 'SIGTERM')
      cancel = after(graceMs, () => send(child.pid, 'SIGKILL'))
    }
    if (stop.aborted) end()
    else stop.addEventListener('abort', end, { once: true })
    const over = () => {
      cancel()
      stop.removeEventListener('abort', end)
    }
    child.once('error', (error) => {
      over()
      reject(error)
    })
    child.once('exit', (code, signal) => {
      over()
      // What it has started and left behind would go on with a task that is over.
      send(child.pid, 'SIGKILL')
      resolve({ code, signal, tail: tail.trim() })
    })
  })
}
