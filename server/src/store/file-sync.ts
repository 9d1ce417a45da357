import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'

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

/**
 * Creates a file that only its owner can read, lets `write` write it by its name and flushes it. If
 * `write` throws, the file is deleted. The descriptor of the final fsync is opened before the first
 * write: the system reports a failed write once to each descriptor that was open then, and a later
 * one would not get the error after an earlier flush had got it.
 */
export function writeFlushed<T>(file: string, write: () => T): T {
  const descriptor = openSync(file, 'wx', 0o600)
  let isFlushed = false
  try {
    const result = write()
    fsyncSync(descriptor)
    isFlushed = true
    return result
  } finally {
    closeSync(descriptor)
    if (!isFlushed) rmSync(file, { force: true })
  }
}

/** Flushes the bytes that a file has now, with fdatasync. A missing file is ignored. */
export function flushData(file: string): void {
  if (existsSync(file)) withFile(file, 'r+', fdatasyncSync)
}

/** Flushes the folder of a file. A rename survives a power cut only after this. */
export const syncFolderOf = (file: string): void => withFile(dirname(file), 'r', fsyncSync)

/**
 * Creates a folder and the missing ones above it. They survive a power cut when this returns: the
 * files in a folder are lost with its name, although each of them was flushed.
 */
export function createFolder(folder: string, mode?: number): void {
  const path = resolve(folder)
  const first = mkdirSync(path, { recursive: true, mode })
  if (first === undefined) return
  for (let created = path; ; created = dirname(created)) {
    syncFolderOf(created)
    if (created === resolve(first)) return
  }
}

/**
 * Writes a temporary file beside `file`, flushes it and passes it to `place`, which gives it its
 * name. A reader sees the old content or the new one, and a power cut leaves one of the two.
 */
function writeBeside(file: string, text: string, place: (temporaryFile: string) => void): void {
  const temporaryFile = `${file}.${randomUUID()}.new`
  try {
    writeFileSync(temporaryFile, text, { mode: 0o600, flag: 'wx' })
    syncFile(temporaryFile)
    place(temporaryFile)
    syncFolderOf(file)
  } finally {
    rmSync(temporaryFile, { force: true })
  }
}

/** Returns the code of an error of the system, such as `ENOENT`. */
export const errorCodeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** True for an error of the system with this code, such as `ENOENT`. */
export const hasErrorCode = (error: unknown, code: string): boolean => errorCodeOf(error) === code

/**
 * Creates a file that only its owner can read. It survives a power cut when this returns. An
 * existing file stays as it is.
 */
export const createFile = (file: string, text: string): void =>
  writeBeside(file, text, (temporaryFile) => {
    try {
      // A rename would replace the file of a process that started at the same time.
      linkSync(temporaryFile, file)
    } catch (error) {
      // A disk without hard links, such as exFAT, refuses with one of several codes.
      if (!hasErrorCode(error, 'EEXIST')) renameSync(temporaryFile, file)
    }
  })

/** Creates or replaces a file that only its owner can read. It survives a power cut. */
export const replaceFile = (file: string, text: string): void =>
  writeBeside(file, text, (temporaryFile) => renameSync(temporaryFile, file))

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
export const fileTimestampOf = (at: number): string => new Date(at).toISOString().replaceAll(/[-:.]/g, '')
