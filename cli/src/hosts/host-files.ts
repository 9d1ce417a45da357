import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { HostFileError } from './config-entries.ts'

/** Path of the backup of a file from before the installation. */
const backupPathOf = (path: string): string => `${path}.before-tony-mcp`

/** Follows a symbolic link, so that its target is changed and the link stays. */
const resolveLink = (path: string): string => (existsSync(path) ? realpathSync(path) : path)

const readIfPresent = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)

export interface FileContents {
  readonly text: string | undefined
  readonly backup: string | undefined
}

export const readWithBackup = (path: string): FileContents => ({
  text: readIfPresent(path),
  backup: readIfPresent(backupPathOf(path)),
})

/** Writes a file beside the old one and renames it, so that a reader never sees a partial file. */
function replaceFile(path: string, text: string | undefined, mode: number): void {
  if (text === undefined) return rmSync(path, { force: true })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const next = `${path}.${process.pid}.new`
  writeFileSync(next, text, { mode, flag: 'wx' })
  renameSync(next, path)
}

/**
 * Replaces a file and its backup. Throws HostFileError if another program has changed the file
 * since it was read. A new file is readable by its owner alone.
 */
export function writeWithBackup(path: string, before: FileContents, next: FileContents): void {
  const file = resolveLink(path)
  if (readIfPresent(file) !== before.text)
    throw new HostFileError('was changed by another program in the meantime: try again')
  const mode = before.text === undefined ? 0o600 : statSync(file).mode & 0o777
  // A crash between the steps loses at most the backup of a file that did not change.
  if (next.backup !== undefined && next.backup !== before.backup) replaceFile(backupPathOf(path), next.backup, mode)
  if (next.text !== before.text) replaceFile(file, next.text, mode)
  if (next.backup === undefined) replaceFile(backupPathOf(path), undefined, mode)
}
