import { systemClock } from '../clock.ts'
import { configHere } from '../config.ts'
import { examine, type Finding } from '../store/examine.ts'

export type { Finding }

/** Examines the database named here, or else by the environment. */
export function examineDatabase(given: string | undefined): readonly Finding[] {
  const config = configHere()
  const backups = given === undefined ? config.backupDir : `${given}.backups`
  return examine({ file: given ?? config.database, backups, at: systemClock.wall() })
}
