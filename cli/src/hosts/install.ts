import { existsSync } from 'node:fs'
import type { HostName } from '@tony/mcp-shared/hosts'
import { HostFileError } from './config-entries.ts'
import { readWithBackup, writeWithBackup } from './host-files.ts'
import type { Host, HostFile } from './hosts.ts'
import { compareFile, type Drift, mergeEntries, removeEntries } from './merge.ts'

/**
 * The change of a file, or its state. `refused`: the file cannot be used and is unchanged.
 * `skipped`: it is unchanged because another file of the host was refused.
 */
export interface FileOutcome {
  readonly client: HostName
  readonly path: string
  readonly state: 'ok' | 'absent' | 'drift' | 'installed' | 'updated' | 'unchanged' | 'removed' | 'refused' | 'skipped'
  readonly drift: readonly Drift[]
  readonly problem?: string
}

export const isHostPresent = ({ markerPaths }: Host): boolean => markerPaths.some((path) => existsSync(path))

type FileAction = (file: HostFile) => Pick<FileOutcome, 'state' | 'drift'>

function applyToFiles(hosts: readonly Host[], work: FileAction): FileOutcome[] {
  return hosts.flatMap(({ name: client, files }) =>
    files.map((file) => {
      const { path } = file
      try {
        return { client, path, ...work(file) }
      } catch (error) {
        if (!(error instanceof HostFileError)) throw error
        return { client, path, state: 'refused', drift: [], problem: error.message }
      }
    }),
  )
}

export const hostFileStates = (hosts: readonly Host[]): FileOutcome[] =>
  applyToFiles(hosts, (file) => {
    const { present, drift } = compareFile(file, readWithBackup(file.path))
    if (!present) return { state: 'absent', drift: [] }
    return { state: drift.length === 0 ? 'ok' : 'drift', drift }
  })

/**
 * Examines all files of a host before the first is written. If one cannot be used, none is written.
 */
const dryRunFirst = (hosts: readonly Host[], dryRun: boolean, run: (dry: boolean) => FileOutcome[]): FileOutcome[] => {
  const preview = run(true)
  if (dryRun || hosts.length === 0) return preview
  return preview.some(({ state }) => state === 'refused') ? preview.map(toSkipped) : run(false)
}

const changedStates: ReadonlySet<FileOutcome['state']> = new Set(['installed', 'updated', 'removed'])

const toSkipped = (outcome: FileOutcome): FileOutcome =>
  changedStates.has(outcome.state)
    ? { ...outcome, state: 'skipped', problem: 'not written, because another file of this host was refused' }
    : outcome

const applyPerHost = (hosts: readonly Host[], dryRun: boolean, work: (dry: boolean) => FileAction): FileOutcome[] =>
  hosts.flatMap((host) => dryRunFirst([host], dryRun, (dry) => applyToFiles([host], work(dry))))

export const installInHosts = (hosts: readonly Host[], dryRun: boolean): FileOutcome[] =>
  applyPerHost(hosts, dryRun, (dry) => (file) => {
    const disk = readWithBackup(file.path)
    const { present, drift } = compareFile(file, disk)
    if (present && drift.length === 0) return { state: 'unchanged', drift: [] }
    const next = mergeEntries(file, disk)
    if (!dry) writeWithBackup(file.path, disk, next)
    return { state: present ? 'updated' : 'installed', drift }
  })

export const uninstallFromHosts = (hosts: readonly Host[], dryRun: boolean): FileOutcome[] =>
  applyPerHost(hosts, dryRun, (dry) => (file) => {
    const disk = readWithBackup(file.path)
    if (!compareFile(file, disk).present) return { state: 'absent', drift: [] }
    const text = removeEntries(file, disk)
    // Another program has changed the file since the installation, so the backup may still be
    // needed.
    const backup = text === disk.backup ? undefined : disk.backup
    if (!dry) writeWithBackup(file.path, disk, { text, backup })
    return { state: 'removed', drift: [] }
  })
