import { closeSync, fstatSync, mkdirSync, openSync, write, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemClock } from './clock.ts'
import { iso } from './times.ts'

/** Bytes of unwritten lines that are kept. Further lines are dropped. */
const maxBufferedBytes = 1_048_576

/** Interval of the attempts to write while the output refuses. */
const retryMs = 1_000

const standardErrorDescriptor = 2

/** An output of bytes. It reports how many bytes it has taken, and never throws. */
interface LogOutput {
  write(bytes: Buffer, done: (error: Error | null, written: number) => void): void
  /** Writes what it can without waiting, at the end of the process. */
  writeNow(bytes: Buffer): void
  close(): void
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** A file, opened at the first write. A failed open counts as a failed write and is retried. */
class FileOutput implements LogOutput {
  readonly #open: () => number
  #descriptor: number | undefined

  constructor(open: () => number) {
    this.#open = open
  }

  write(bytes: Buffer, done: (error: Error | null, written: number) => void): void {
    try {
      this.#descriptor ??= this.#open()
    } catch (error) {
      return done(asError(error), 0)
    }
    write(this.#descriptor, bytes, 0, bytes.length, null, (error, written) => done(error, written ?? 0))
  }

  writeNow(bytes: Buffer): void {
    let left = bytes
    this.#descriptor ??= this.#open()
    while (left.length > 0) left = left.subarray(writeSync(this.#descriptor, left))
  }

  close(): void {
    if (this.#descriptor !== undefined && this.#descriptor !== standardErrorDescriptor) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}

/**
 * Standard error as a pipe or a socket. Node writes to it without blocking. A write of `node:fs`
 * would block a thread while nobody reads, and the process could not end.
 */
const pipeOutput: LogOutput = {
  write: (bytes, done) => {
    process.stderr.write(bytes, (error) => done(error ?? null, error ? 0 : bytes.length))
  },
  writeNow: (bytes) => {
    process.stderr.write(bytes)
  },
  close: () => undefined,
}

/** Ignores the errors of a standard output. Without a listener they would end the process. */
export function ignoreOutputErrors(output: NodeJS.WriteStream): void {
  if (output.listenerCount('error') === 0) output.on('error', () => undefined)
}

function standardErrorOutput(): LogOutput {
  ignoreOutputErrors(process.stderr)
  const stats = fstatSync(standardErrorDescriptor)
  return stats.isFIFO() || stats.isSocket() ? pipeOutput : new FileOutput(() => standardErrorDescriptor)
}

function createFileOutput(file: string): LogOutput {
  return new FileOutput(() => {
    mkdirSync(dirname(file), { recursive: true })
    return openSync(file, 'a')
  })
}

/** The destinations with unwritten lines. */
const unwrittenDestinations = new Set<LogDestination>()

process.on('exit', () => {
  for (const destination of unwrittenDestinations) destination.flushSync()
})

/**
 * The output of the log. It never throws, never blocks and never ends the process. If the output
 * refuses writes, as on a full disk, it keeps the first lines, drops the others and tries again.
 * The destination of pino is no alternative: at the exit it repeats a write to a full disk forever.
 */
export class LogDestination {
  readonly #file: string | undefined
  readonly #output: LogOutput
  readonly #onDrop: () => void
  #state: 'idle' | 'writing' | 'refused' = 'idle'
  #isClosed = false
  /** Bytes that the output is writing or has refused. */
  #chunk: Buffer = Buffer.alloc(0)
  /** The lines behind the chunk. */
  #lines: string[] = []
  #lineBytes = 0
  /** Lines dropped since the output began to refuse writes. */
  #dropped = 0

  /** Writes to a file, or without one to standard error. Calls `onDrop` for each dropped line. */
  constructor(file: string | undefined, onDrop: () => void) {
    this.#file = file
    this.#output = file === undefined ? standardErrorOutput() : createFileOutput(file)
    this.#onDrop = onDrop
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#chunk.length + this.#lineBytes + bytes > maxBufferedBytes) {
      this.#dropped += 1
      return this.#onDrop()
    }
    this.#lines.push(line)
    this.#lineBytes += bytes
    unwrittenDestinations.add(this)
    if (this.#state === 'idle') this.#writeNext()
  }

  /** Writes the kept lines without waiting. If that fails, they are lost. */
  flushSync(): void {
    unwrittenDestinations.delete(this)
    try {
      this.#output.writeNow(this.#takeUnwritten())
    } catch (error) {
      this.#report(error)
    }
  }

  /** Writes the kept lines and closes the file. A later line opens it again. */
  close(): void {
    this.#isClosed = true
    // A write is in progress, and its callback closes the file. If the file were closed now, the
    // write could reach another file that gets the same descriptor.
    if (this.#state === 'writing') return
    this.flushSync()
    this.#output.close()
  }

  /** Removes and returns the bytes that the output is not writing now. */
  #takeUnwritten(): Buffer {
    const lines = Buffer.from(this.#lines.join(''))
    this.#lines = []
    this.#lineBytes = 0
    if (this.#state === 'writing') return lines
    const all = Buffer.concat([this.#chunk, lines])
    this.#chunk = Buffer.alloc(0)
    return all
  }

  #writeNext(): void {
    this.#state = 'idle'
    this.#chunk = this.#takeUnwritten()
    if (this.#chunk.length === 0) {
      unwrittenDestinations.delete(this)
      if (this.#isClosed) this.#output.close()
      return
    }
    this.#state = 'writing'
    this.#output.write(this.#chunk, (error, written) => {
      this.#chunk = this.#chunk.subarray(written)
      if (error) return this.#retryLater(error)
      if (this.#dropped > 0) this.#reportDropped()
      this.#writeNext()
    })
  }

  #retryLater(error: Error): void {
    if (this.#dropped === 0) this.#report(error)
    this.#state = 'refused'
    systemClock.timer(retryMs, () => this.#writeNext())
  }

  /** Reports that the file cannot be written. There is no other place for standard error itself. */
  #report(error: unknown): void {
    if (this.#file === undefined) return
    const reason = error instanceof Error ? error.message : String(error)
    ignoreOutputErrors(process.stderr)
    process.stderr.write(`the log cannot be written to LOG_DIR: ${reason}; the server goes on without it\n`)
  }

  #reportDropped(): void {
    const dropped = this.#dropped
    this.#dropped = 0
    const msg = 'lines of the log were dropped, because it could not be written'
    this.write(`${JSON.stringify({ level: 40, time: iso(systemClock.wall()), dropped, msg })}\n`)
  }
}
