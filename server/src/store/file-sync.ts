import { createHash } from 'node:crypto'
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'

const chunkBytes = 1_048_576

/** Opens a file, passes its descriptor to `work` and closes it even if `work` throws. */
function withFile<T>(path: string, flags: string, work: (descriptor: number) => T): T {
  const descriptor = openSync(path, flags)
  try {
    return work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Flushes a file with fsync. Its bytes then survive a power cut. */
export const syncFile = (file: string): void => withFile(file, 'r+', fsyncSync)

/** Flushes the bytes that a file has now, with fdatasync. A missing file is ignored. */
export function flushData(file: string): void {
  if (existsSync(file)) withFile(file, 'r+', fdatasyncSync)
}

/** Flushes the folder of a file. A rename survives a power cut only after this. */
export const syncFolderOf = (file: string): void => withFile(dirname(file), 'r', fsyncSync)

/** Returns the SHA-256 of a file in hex. It reads the file in chunks. */
export function sha256Of(file: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(chunkBytes)
  withFile(file, 'r', (descriptor) => {
    for (;;) {
      const read = readSync(descriptor, chunk, 0, chunkBytes, null)
      if (read === 0) return
      hash.update(chunk.subarray(0, read))
    }
  })
  return hash.digest('hex')
}

/** Formats a time for file names: the names sort by time and are valid on every file system. */
export const timestampOf = (at: number): string => new Date(at).toISOString().replaceAll(/[-:.]/g, '')
