import { closeSync, existsSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

const chunkBytes = 1_048_576

/**
 * Writes the log of a database again, byte for byte, and flushes it. Only the owner of the database
 * may call it, before its first write: the writes of another program would be lost.
 *
 * After a failed fsync the system keeps the pages in memory and counts them as written. The process
 * ends, and the next one reads commits that the disk lacks. No later fsync would write them, and a
 * power cut would leave a gap before the commits that follow. A log remains only after a process
 * that did not close, so this costs nothing after a stop.
 */
export function rewriteWal(database: string): void {
  const log = `${database}-wal`
  if (!existsSync(log)) return
  const descriptor = openSync(log, 'r+')
  try {
    const chunk = Buffer.alloc(chunkBytes)
    for (let position = 0; ; ) {
      const bytes = readSync(descriptor, chunk, 0, chunkBytes, position)
      if (bytes === 0) break
      position += writeSync(descriptor, chunk, 0, bytes, position)
    }
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
