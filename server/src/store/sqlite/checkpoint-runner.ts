import { Worker } from 'node:worker_threads'
import type Database from 'better-sqlite3'
import { sqliteCode } from './errors.ts'

/** With fewer commits the log is too small for its pages to be worth a thread. */
const commitsWithoutThread = 64

/**
 * Length of the write-ahead log, in pages (64 MiB), from which the writer runs a WAL checkpoint
 * itself. It does so regularly under steady load: SQLite reuses the log from its start only when
 * all pages have been moved, and new commits arrive while the worker moves them.
 */
export const walBackstopPages = 16_384

/** Commits between two checks of the length of the log. A check costs 10 µs. */
const commitsPerCheck = 8

interface WalCheckpointOptions {
  readonly file: string
  readonly writer: Database.Database
  /** Called with the error of a checkpoint on the writer. */
  readonly onError: (error: unknown) => void
  /** Called if a checkpoint finds the disk full. */
  readonly onFull: () => void
  /**
   * False if the file at the path is another one than the writer's. A checkpoint would move pages
   * of the writer's log into it.
   */
  readonly mayStart: () => boolean
}

/**
 * Runs the checkpoints of a database in a thread, from the 64th commit on. The start of a thread
 * costs 60 ms of CPU time. A store that is opened for a few writes does not need it, because the
 * close of the last connection checkpoints too.
 */
export class WalCheckpointRunner {
  readonly #options: WalCheckpointOptions
  readonly #log: Database.Statement<[], { log: number }>
  #commits = 0
  #worker: Worker | undefined

  constructor(options: WalCheckpointOptions) {
    this.#options = options
    this.#log = options.writer.prepare('PRAGMA wal_checkpoint(NOOP)')
  }

  countCommit(): void {
    this.#commits += 1
    if (this.#commits === commitsWithoutThread && this.#options.mayStart()) this.#worker = this.#start()
    if (this.#commits % commitsPerCheck === 0) this.#limitLog()
  }

  /**
   * Replaces SQLite's automatic checkpoint, which ignores its errors: a failed fsync must end the
   * process. The commits before it are on the disk.
   */
  #limitLog(): void {
    const { writer, onError } = this.#options
    try {
      const pages = this.#log.get()?.log ?? 0
      if (pages > walBackstopPages) writer.pragma('wal_checkpoint(PASSIVE)')
    } catch (error) {
      onError(error)
    }
  }

  /**
   * Moves the remaining pages of the log into the database before the last connection closes.
   * SQLite does this in its close too, but ignores errors, so nobody would learn of a failing disk.
   * If this throws, the log stays, and the caller must not close the connection: the close would
   * try again. A full disk does not throw.
   */
  moveRemainingPages(): void {
    try {
      this.#options.writer.pragma('wal_checkpoint(PASSIVE)')
    } catch (error) {
      // The next start moves the pages once the disk has space.
      if (sqliteCode(error) !== 'SQLITE_FULL') throw error
    }
  }

  #start(): Worker {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./checkpoint-worker${extension}`, import.meta.url), {
      workerData: { file: this.#options.file },
    })
    worker.on('message', this.#options.onFull)
    worker.unref()
    return worker
  }

  async stop(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    await new Promise<void>((resolve) => {
      worker.ref()
      worker.once('exit', () => resolve())
      worker.postMessage('stop')
    })
  }
}
