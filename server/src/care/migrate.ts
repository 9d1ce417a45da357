import { systemClock } from '../clock.ts'
import { type MigrationState, migrateFile, migrationStates, schemaDifferences } from '../store/schema-state.ts'
import { placeOf } from './file.ts'

export type { MigrationState }

/** A database named here, or else by the environment. */
export const databaseOf = (given: string | undefined): string => placeOf(given, 'migrate').database

/** Applies what is missing; returns that. */
export const migrateDatabase = (file: string): readonly MigrationState[] => migrateFile(file, systemClock)

export const statesOf = (file: string): readonly MigrationState[] => migrationStates(file)

export const differencesOf = (file: string): readonly string[] => schemaDifferences(file)
