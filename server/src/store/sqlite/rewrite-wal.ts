import { closeSync, existsSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

const chunkBytes = 1_048_576

/**
 * Writes the log of a database again, byte for byte, and flushes it. Only the owner of the database
 * may call it, before its first write: the writes of another program would be lost.
 *
 * After a failed fsync the kernel keeps the pages in its cache and marks them as written, so no
 * later fsync writes them. The process ends, and the next one would read commits that the disk
 * lacks; a power cut would then lose these and keep later ones. Writing the log again makes the
 * kernel write each page. A process that closes its database leaves no log, so this costs nothing
 * after a regular stop.
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
