import type { Fault } from '../../model/sabotage/fault.ts'
import { runWithError } from './io-errors.ts'
import { cutPower } from './power-cuts.ts'

const sqlite = 'server/src/store/sqlite/sqlite.ts'
const fileSync = 'server/src/store/file-sync.ts'

/** Faults that the images of power cuts must show. */
export const powerFaults: readonly Fault[] = [
  {
    name: 'the writer does not sync',
    file: sqlite,
    find: "options.durability === 'disk' ? 'FULL'",
    replace: "options.durability === 'disk' ? 'OFF'",
  },
  {
    name: 'the checkpoint worker does not sync',
    file: 'server/src/store/sqlite/checkpoint-worker.ts',
    find: "database.pragma('synchronous = FULL')",
    replace: "database.pragma('synchronous = OFF')",
  },
  {
    name: 'a backup is not flushed',
    file: fileSync,
    find: '    fsyncSync(descriptor)\n    isFlushed',
    replace: '    isFlushed',
  },
  {
    name: 'no folder is flushed',
    file: fileSync,
    find: "withFile(dirname(file), 'r', fsyncSync)",
    replace: "withFile(dirname(file), 'r', () => undefined)",
  },
  {
    name: 'a new folder is not flushed into the one above it',
    file: fileSync,
    find: '    syncFolderOf(created)\n',
    replace: '',
  },
]

/** A fault that a run with an I/O error must show, and the error that shows it. */
export interface ErrorControl {
  readonly fault: Fault
  readonly errors: readonly string[]
}

/** Faults that the runs with I/O errors must show, each in one of its runs. */
export const errorControls: readonly ErrorControl[] = [
  {
    fault: {
      name: 'an I/O error does not end the process',
      file: 'server/src/store/sqlite/errors.ts',
      find: '/^SQLITE_(IOERR|CORRUPT|NOTADB)/',
      replace: '/^SQLITE_NOTADB/',
    },
    errors: ['write:1500', 'write:1800'],
  },
  {
    fault: {
      name: 'the log is not written again after a failed fsync',
      file: sqlite,
      find: '    rewriteWal(resolveDatabaseFile(options.file))\n',
      replace: '',
    },
    errors: ['sync:60', 'sync:65', 'sync:70', 'sync:75', 'sync:62', 'sync:67', 'sync:72', 'sync:77'],
  },
  {
    fault: {
      name: 'a failed checkpoint of the writer is ignored',
      file: sqlite,
      find: "writer.pragma('wal_autocheckpoint = 0')",
      replace: "writer.pragma('wal_autocheckpoint = 200')",
    },
    errors: ['read:150', 'read:200', 'read:175', 'read:225'],
  },
]

const attempts = [1, 2, 3, 4]

/** Cuts the power of a server with a fault until an image shows the fault. Returns the findings. */
export async function showPowerFault(fault: Fault): Promise<readonly string[]> {
  for (const seed of attempts) {
    const { failures, unsynced } = await cutPower({ tasks: 60, images: 60, seed, faults: [fault] })
    const shown = [...failures, ...unsynced.map((file) => `${file} was not synced before the answer`)]
    if (shown.length > 0) return shown
  }
  return []
}

/**
 * Runs a server with a fault and an I/O error until a run shows the fault. Returns the findings.
 */
export async function showErrorFault({ fault, errors }: ErrorControl): Promise<readonly string[]> {
  for (const error of errors) {
    const { problems } = await runWithError(error, [fault])
    if (problems.length > 0) return problems
  }
  return []
}
