import { createHash } from 'node:crypto'
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'

const chunkBytes = 1_048_576

/** Opens a file, has something done with it and closes it, whatever becomes of that. */
function withFile<T>(path: string, flags: string, work: (descriptor: number) => T): T {
  const descriptor = openSync(path, flags)
  try {
    return work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Returns when the file's bytes would survive a power cut. */
export const syncFile = (file: string): void => withFile(file, 'r+', fsyncSync)

/** Has written what there is of a file by now, if there is one. */
export function flushData(file: string): void {
  if (existsSync(file)) withFile(file, 'r+', fdatasyncSync)
}

/** The same for the names in a folder: a rename is one only after this. */
export const syncFolderOf = (file: string): void => withFile(dirname(file), 'r', fsyncSync)

/** SHA-256 of a file in hex, read in pieces. */
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

/** A moment as part of a file's name: sorts as time does, and no file system minds it. */
export const timestampOf = (at: number): string => new Date(at).toISOString().replaceAll(/[-:.]/g, '')
