import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The folder with the installed peers. */
const folder = import.meta.dirname

/** Folders that may have the files of a Debian package: the bench's own, and the system. */
const roots = [join(folder, 'node_modules/.debian'), '/']

/** True if the npm package is installed here. */
export const hasPackage = (name: string): boolean => existsSync(join(folder, 'node_modules', name, 'package.json'))

/**
 * Imports an npm package that `bench/peers/install` installs. It is in no other `package.json`, so
 * the caller declares its types.
 */
export const importPackage = async <T>(name: string): Promise<T> => (await import(name)) as T

/** Returns the root folder that has a file of a Debian package; undefined if none has. */
export const rootWith = (path: string): string | undefined => roots.find((root) => existsSync(join(root, path)))

/** Folders of the libraries that a server needs beside those of the system. */
export const libraryPath = (root: string): string =>
  ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => join(root, 'usr/lib', name)).join(':')
