import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '../tony/conversions.ts'

/** What is kept of a plugin between its runs. */
export interface Installation {
  /** The secret by which its agent is the same after a restart. */
  readonly clientInstanceId: string
  /** When `onInstall` has run. Null before, and once it is uninstalled. */
  readonly installedAt: string | null
  readonly version: string
  /** What its `getState` gave when it last stopped. */
  readonly state?: unknown
}

/** Where installations are kept, by the name of the plugin. */
export interface Installations {
  read(name: string): Promise<Installation | undefined>
  write(name: string, installation: Installation): Promise<void>
}

const isInstallation = (value: unknown): value is Installation =>
  isRecord(value) &&
  typeof value['clientInstanceId'] === 'string' &&
  typeof value['version'] === 'string' &&
  (value['installedAt'] === null || typeof value['installedAt'] === 'string')

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** Installations as files of a folder, one each, that only their owner may read. */
export function installationsIn(folder: string): Installations {
  const fileOf = (name: string): string => join(folder, `${encodeURIComponent(name).replaceAll('.', '%2E')}.json`)
  return {
    read: async (name) => {
      const text = await readFile(fileOf(name), 'utf8').catch((error: unknown) => {
        if (isAbsent(error)) return undefined
        throw error
      })
      if (text === undefined) return undefined
      const kept: unknown = JSON.parse(text)
      if (!isInstallation(kept))
        throw new Error(`${fileOf(name)} is not an installation of a plugin: remove it to install anew`)
      return kept
    },
    write: async (name, installation) => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const [file, draft] = [fileOf(name), `${fileOf(name)}.${process.pid}`]
      await writeFile(draft, `${JSON.stringify(installation, undefined, 2)}\n`, { mode: 0o600 })
      await chmod(draft, 0o600)
      await rename(draft, file)
    },
  }
}

/** Installations that end with the process: for tests, and for plugins that need none. */
export function installationsInMemory(): Installations {
  const kept = new Map<string, string>()
  return {
    read: async (name) => {
      const found: unknown = JSON.parse(kept.get(name) ?? 'null')
      return isInstallation(found) ? found : undefined
    },
    write: async (name, installation) => {
      kept.set(name, JSON.stringify(installation))
    },
  }
}
