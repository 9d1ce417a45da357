import { Worker } from 'node:worker_threads'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { hasErrorCode } from '../file-sync.ts'
import type { Backup, BackupRequest } from './backup.ts'

function runWorker(request: BackupRequest): Promise<Backup> {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const worker = new Worker(new URL(`./backup-worker${extension}`, import.meta.url), { workerData: request })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', (error) => reject(toRefusal(error)))
  })
}

function toRefusal(error: unknown): CoordinationError {
  const full = hasErrorCode(error, 'SQLITE_FULL') || hasErrorCode(error, 'ENOSPC')
  const failure = full
    ? new CoordinationError('STORAGE_FULL', 'the disk is full, so no backup was written: free space and call again')
    : new CoordinationError('STORE_UNAVAILABLE', "the backup failed: the server's log has the cause")
  failure.cause = error
  return failure
}

/**
 * Runs the backups of a server's own database, one at a time, because each reads the whole file. A
 * call during a backup gets the next one and shares it with other such calls: the running backup
 * may have begun before their last write.
 */
export class BackupRunner {
  readonly #createRequest: () => BackupRequest
  #running: Promise<unknown> = Promise.resolve()
  #next: Promise<Backup> | undefined

  constructor(createRequest: () => BackupRequest) {
    this.#createRequest = createRequest
  }

  run(): Promise<Backup> {
    if (!this.#next) {
      const next = this.#running.then(() => {
        this.#next = undefined
        return runWorker(this.#createRequest())
      })
      this.#next = next
      this.#running = next.then(
        () => undefined,
        () => undefined,
      )
    }
    return this.#next
  }

  /** Waits for the running backup. */
  async close(): Promise<void> {
    await this.#running
  }
}
