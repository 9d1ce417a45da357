import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { variable } from '../environment.ts'

function isExecutable(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

/** The endings of a program's file. Only Windows has others than none. */
const programFileEndings = (): readonly string[] =>
  process.platform === 'win32' ? ['', ...(variable('PATHEXT') ?? '.EXE;.CMD;.BAT;.COM').split(';')] : ['']

/** True if the system can start a program by this name: a path, or a name in `PATH`. */
export function isProgram(name: string): boolean {
  const isPath = name.includes('/') || (process.platform === 'win32' && name.includes('\\'))
  const folders = isPath ? [''] : (variable('PATH') ?? '').split(delimiter)
  return folders.some((folder) => programFileEndings().some((ending) => isExecutable(join(folder, `${name}${ending}`))))
}
