import { openedSqlite } from '../support/store.ts'
import { storeConformance } from './conformance.ts'

storeConformance('SQLite', openedSqlite)
