import { systemClock } from '../clock.ts'
import { examine, type Finding } from '../store/examine.ts'
import { placeOf } from './file.ts'

export type { Finding }

/** Examines the database named here, or else by the environment. */
export function examineDatabase(given: string | undefined): readonly Finding[] {
  const { database, backupDir } = placeOf(given, 'doctor')
  return examine({ file: database, backups: backupDir, at: systemClock.wall() })
}
