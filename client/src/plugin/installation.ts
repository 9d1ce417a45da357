import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord } from '../api/is-record.ts'

/** The stored data of a plugin between its runs. */
export interface Installation {
  /** The secret that proves the plugin's agent is the same after a restart. */
  readonly clientInstanceId: string
  /** Time at which `onInstall` succeeded, in ISO 8601; null before that and after an uninstall. */
  readonly installedAt: string | null
  /** Version of the plugin at its last run. */
  readonly version: string
  /** Result of the plugin's `getState` at its last stop. */
  readonly state?: unknown
}

/** Storage of installations, by the name of the plugin. */
export interface InstallationStore {
  /** Returns the installation of a plugin; undefined if there is none. */
  read(name: string): Promise<Installation | undefined>
  /** Stores the installation of a plugin and replaces the previous one. */
  write(name: string, installation: Installation): Promise<void>
}

const isInstallation = (value: unknown): value is Installation =>
  isRecord(value) &&
  typeof value['clientInstanceId'] === 'string' &&
  typeof value['version'] === 'string' &&
  (value['installedAt'] === null || typeof value['installedAt'] === 'string')

const isMissingFileError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/**
 * Returns a storage with one file in `folder` for each installation, readable by its owner alone.
 * Its `read` rejects if the file is not an installation.
 * @example await runPlugin(plugin, { installations: createFileInstallations('/var/lib/plugins') })
 */
export function createFileInstallations(folder: string): InstallationStore {
  const fileOf = (name: string): string => join(folder, `${encodeURIComponent(name).replaceAll('.', '%2E')}.json`)
  return {
    read: async (name) => {
      const text = await readFile(fileOf(name), 'utf8').catch((error: unknown) => {
        if (isMissingFileError(error)) return undefined
        throw error
      })
      if (text === undefined) return undefined
      const kept: unknown = JSON.parse(text)
      if (!isInstallation(kept))
        throw new Error(`${fileOf(name)} is not an installation of a plugin: delete it to install the plugin again`)
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

/**
 * Returns a storage in memory, for tests and for plugins that keep nothing.
 * @example await runPlugin(plugin, { installations: createMemoryInstallations() })
 */
export function createMemoryInstallations(): InstallationStore {
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
