import { existsSync } from 'node:fs'
import { readBoth, write } from './disk.ts'
import type { Host, HostFile, HostName } from './hosts.ts'
import { type Drift, examine, merged, without } from './merge.ts'
import { HostFileError } from './slots.ts'

/** What was done to a file, or what is so. `refused`: it cannot be used, and stays as it is. */
export interface FileOutcome {
  readonly client: HostName
  readonly path: string
  readonly state: 'ok' | 'absent' | 'drift' | 'installed' | 'updated' | 'unchanged' | 'removed' | 'refused'
  readonly drift: readonly Drift[]
  readonly problem?: string
}

export const isHere = ({ signs }: Host): boolean => signs.some((sign) => existsSync(sign))

type Work = (file: HostFile) => Pick<FileOutcome, 'state' | 'drift'>

function each(hosts: readonly Host[], work: Work): FileOutcome[] {
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

export const status = (hosts: readonly Host[]): FileOutcome[] =>
  each(hosts, (file) => {
    const { present, drift } = examine(file, readBoth(file.path))
    if (!present) return { state: 'absent', drift: [] }
    return { state: drift.length === 0 ? 'ok' : 'drift', drift }
  })

/** All of a host's files are looked at before the first is written: one that cannot be used leaves the others alone. */
const refusedFirst = (hosts: readonly Host[], dryRun: boolean, run: (dry: boolean) => FileOutcome[]): FileOutcome[] => {
  const foreseen = run(true)
  return dryRun || foreseen.some(({ state }) => state === 'refused') || hosts.length === 0 ? foreseen : run(false)
}

const perHost = (hosts: readonly Host[], dryRun: boolean, work: (dry: boolean) => Work): FileOutcome[] =>
  hosts.flatMap((host) => refusedFirst([host], dryRun, (dry) => each([host], work(dry))))

export const install = (hosts: readonly Host[], dryRun: boolean): FileOutcome[] =>
  perHost(hosts, dryRun, (dry) => (file) => {
    const disk = readBoth(file.path)
    const { present, drift } = examine(file, disk)
    if (present && drift.length === 0) return { state: 'unchanged', drift: [] }
    const next = merged(file, disk)
    if (!dry) write(file.path, disk, next)
    return { state: present ? 'updated' : 'installed', drift }
  })

export const uninstall = (hosts: readonly Host[], dryRun: boolean): FileOutcome[] =>
  perHost(hosts, dryRun, (dry) => (file) => {
    const disk = readBoth(file.path)
    if (!examine(file, disk).present) return { state: 'absent', drift: [] }
    const text = without(file, disk)
    // Others have written since: what was before them may still be wanted.
    const backup = text === disk.backup ? undefined : disk.backup
    if (!dry) write(file.path, disk, { text, backup })
    return { state: 'removed', drift: [] }
  })
