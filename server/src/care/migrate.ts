import { systemClock } from '../clock.ts'
import { configHere } from '../config.ts'
import { type MigrationState, migrateFile, migrationStates, schemaDifferences } from '../store/schema-state.ts'

export type { MigrationState }

/** A database named here, or else by the environment. */
export const databaseOf = (given: string | undefined): string => given ?? configHere().database

/** Applies what is missing; returns that. */
export const migrateDatabase = (file: string): readonly MigrationState[] => migrateFile(file, systemClock)

export const statesOf = (file: string): readonly MigrationState[] => migrationStates(file)

export const differencesOf = (file: string): readonly string[] => schemaDifferences(file)
