import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { defaultProject } from '@tony/mcp-shared/projects'
import Database from 'better-sqlite3'
import { type Clock, createLeaseClock } from '../../platform/clock.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { createEpoch } from '../backup/restore.ts'
import type { Commit } from '../commit/commit.ts'
import type { Engine } from '../commit/engine.ts'
import { extendDeadlines } from '../commit/extend-deadlines.ts'
import { GroupCommit } from '../commit/group-commit.ts'
import { createTimeSliceStarter } from '../commit/time-slices.ts'
import { migrateSqlite, readSqliteMigrations, refuseForeignDatabase, SchemaError } from '../migrations/migrate.ts'
import type { Reader, Store, StoreNotification } from '../store.ts'
import { StoreRefusedError } from '../store-refused-error.ts'
import { WalCheckpointRunner, walBackstopPages } from './checkpoint-runner.ts'
import { DiskSpace, type DiskSpaceOptions } from './disk-space.ts'
import { crash, crashOnCorruption, createErrorTranslator, sqliteCode } from './errors.ts'
import { lockDatabaseFile, resolveDatabaseFile } from './file-lock.ts'
import { FileWatch } from './file-watch.ts'
import { Identifiers } from './identifiers.ts'
import { freePageBytes, reclaimPages } from './reclaim-pages.ts'
import { rewriteWal } from './rewrite-wal.ts'
import { StandstillWatch } from './standstill.ts'
import { createRun } from './statements.ts'
import { createBuilder, defineSqliteTables, WriterConnection } from './writer.ts'

export interface SqliteOptions {
  readonly file: string
  /**
   * `process` skips the fsync at each commit: a power cut may lose the last acknowledged writes.
   */
  readonly durability: 'disk' | 'process'
  readonly clock: Clock
  /** Size of the ballast. Without it, on a full disk each write fails on its own. */
  readonly ballastBytes?: number
}

/**
 * Older versions have a bug that can corrupt a database in WAL mode that two connections write or
 * checkpoint.
 */
const minimumVersion = [3, 51, 3]

/** The size of a log of `walBackstopPages` pages. Page and frame header are those of SQLite. */
const walSizeLimitBytes = walBackstopPages * (4_096 + 24)

export function refuseOldSqlite(version: string): void {
  const parts = version.split('.').map(Number)
  for (const [index, floor] of minimumVersion.entries()) {
    const part = parts[index] ?? 0
    if (part > floor) return
    if (part < floor) {
      throw new SchemaError(
        `SQLite ${version} has a bug that corrupts databases in WAL mode; ${minimumVersion.join('.')} or newer is needed`,
      )
    }
  }
}

export function openWriter(options: SqliteOptions): Database.Database {
  // SQLite would create the file for every user of the machine to read. Its companions get the same
  // mode.
  if (!existsSync(options.file)) closeSync(openSync(options.file, 'a', 0o600))
  const writer = new Database(options.file, { timeout: 5_000 })
  try {
    const version = writer.prepare<[], { version: string }>('SELECT sqlite_version() AS version').get()
    refuseOldSqlite(version?.version ?? '0')
    // Before the journal mode, which is stored in the file: a foreign database stays unchanged to
    // the byte.
    refuseForeignDatabase(writer)
    rewriteWal(resolveDatabaseFile(options.file))
    // Only in a new file, before the journal mode writes it: later this pragma would write too.
    if (writer.pragma('page_count', { simple: true }) === 0) writer.pragma('auto_vacuum = INCREMENTAL')
    writer.pragma('journal_mode = WAL')
    writer.pragma(`synchronous = ${options.durability === 'disk' ? 'FULL' : 'NORMAL'}`)
    writer.pragma('wal_autocheckpoint = 0')
    // A longer log, as after a long read transaction, is cut when it begins anew.
    writer.pragma(`journal_size_limit = ${walSizeLimitBytes}`)
    migrateSqlite(writer, readSqliteMigrations(), options.clock.wall())
    return writer
  } catch (error) {
    writer.close()
    if (sqliteCode(error) !== 'SQLITE_NOTADB') throw error
    throw new SchemaError(`${options.file} is not a database; it was not touched. Choose another DATABASE_PATH`, {
      cause: error,
    })
  }
}

/**
 * A batch begins no operation after this time, in milliseconds: the statements run on the event
 * loop's own thread.
 */
const timeSliceMs = 10

/** Time after which a batch of bulk operations gives way to others, in milliseconds. */
const bulkSliceMs = 3

const createReader = (database: Database.Database, now: () => number): Reader => {
  const db = createBuilder(database)
  const t = defineSqliteTables(new Identifiers(database))
  return {
    db,
    t,
    get now() {
      return now()
    },
    run: createRun(database, db, t),
  }
}

/** One writer for all projects; no conflicts occur. */
const createEngine = (
  writer: WriterConnection,
  { clock }: SqliteOptions,
  translateError: Engine['translateError'],
): Engine => ({
  writerOf: () => '',
  withConnection: (work) => work(writer),
  isTransient: () => false,
  neverBegan: () => false,
  startTimeSlice: createTimeSliceStarter(clock, { batch: timeSliceMs, bulk: bulkSliceMs, isOwnThread: true }),
  monotonic: () => clock.monotonic(),
  translateError,
})

interface StoreFacts {
  readonly epoch: string
  readonly secret: Uint8Array
  readonly lastCommit: number
}

function readFacts(writer: Database.Database, wall: number): StoreFacts {
  const fact = (name: string, initial: string): string => {
    writer.prepare('INSERT INTO store_facts VALUES (?, ?) ON CONFLICT DO NOTHING').run(name, initial)
    const row = writer.prepare<[string], { value: string }>('SELECT value FROM store_facts WHERE name = ?').get(name)
    return row?.value ?? initial
  }
  const movedTo = writer.prepare<[], string>("SELECT value FROM store_facts WHERE name = 'moved_to'").pluck().get()
  if (movedTo !== undefined)
    throw new StoreRefusedError(
      `${writer.name} was moved to ${movedTo}: set DATABASE_URL to it, because serving this file would make the two diverge`,
    )
  writer
    .prepare('INSERT INTO projects (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
    .run(uuidv7(), defaultProject, wall)
  return {
    epoch: fact('epoch', createEpoch()),
    secret: Buffer.from(fact('secret', randomBytes(32).toString('base64url')), 'base64url'),
    lastCommit: Number(fact('last_commit', String(wall))),
  }
}

const createDiskSpace = (
  { file, ballastBytes = 0 }: SqliteOptions,
  options: Pick<DiskSpaceOptions, 'now' | 'spareBytes' | 'resume'>,
): DiskSpace | undefined => (ballastBytes > 0 ? new DiskSpace({ file, ballastBytes, ...options }) : undefined)

async function readOrCrash<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    crashOnCorruption(error)
    throw error
  }
}

/** Opens the connections to a file and creates the objects on them. */
function openConnections(options: SqliteOptions) {
  const database = openWriter(options)
  const facts = readFacts(database, options.clock.wall())
  const clock = createLeaseClock(options.clock, facts.lastCommit)
  // A separate connection: the writer's would show rows that are not committed yet.
  const readOnly = new Database(options.file, { readonly: true, timeout: 5_000 })
  const reader = createReader(readOnly, clock)
  let diskSpace: DiskSpace | undefined
  const onFull = () => diskSpace?.markFull()
  const listeners = new Set<(notification: StoreNotification) => void>()
  const commitListeners: ((commit: Commit) => void)[] = []
  const fileWatch = new FileWatch({ file: options.file, clock: options.clock, onLost: crash })
  const mayStart = () => {
    const lost = fileWatch.findLost()
    if (lost) crash(lost)
    return !lost
  }
  const translateError = createErrorTranslator(onFull)
  const onError = (error: unknown) => void translateError(error)
  const checkpoints = new WalCheckpointRunner({ file: options.file, writer: database, onFull, onError, mayStart })
  const standstill = new StandstillWatch({
    clock: options.clock,
    now: clock,
    // Any transaction grants the time. This one is for a server that nobody calls at the moment.
    // If it fails, the writer still owes the time.
    onStandstill: () => {
      batches.transact({ project: '', freesSpace: true }, () => Promise.resolve()).catch(() => undefined)
    },
  })
  const takeStandstill = () => {
    const found = standstill.takeStandstill()
    // The outage of a full disk covers it: every deadline gains that time once.
    return diskSpace?.full ? undefined : found
  }
  const writer = new WriterConnection(database, clock, takeStandstill)
  const batches: GroupCommit = new GroupCommit(createEngine(writer, options, translateError), clock, (commit) => {
    checkpoints.countCommit()
    for (const notification of commit.notifications) for (const listener of listeners) listener(notification)
    for (const listener of commitListeners) listener(commit)
  })
  const resume = (since: number) => extendAfterOutage(batches, reader, since)
  diskSpace = createDiskSpace(options, { now: clock, spareBytes: () => freePageBytes(database), resume })
  const watches = { diskSpace, standstill, fileWatch }
  const allListeners = { listeners, commitListeners }
  return { database, readOnly, facts, clock, reader, batches, ...allListeners, resume, checkpoints, ...watches }
}

async function extendAfterOutage(batches: GroupCommit, reader: Reader, lastCommit: number): Promise<void> {
  const [first] = await reader.db.select({ id: reader.t.projects.id }).from(reader.t.projects).limit(1)
  const outage = reader.now - lastCommit
  if (outage > 0 && first)
    await batches.transact({ project: first.id }, (tx) => extendDeadlines(tx, lastCommit, outage))
}

/**
 * Commits the accepted work and closes. Throws DatabaseFileLostError if a file is lost, and the
 * error of SQLite if the log cannot be moved into the database.
 */
async function closeConnections(connections: ReturnType<typeof openConnections>): Promise<void> {
  const { database, readOnly, batches, checkpoints, standstill, fileWatch } = connections
  standstill.stop()
  await batches.close()
  await checkpoints.stop()
  fileWatch.stop()
  // The last connection deletes the log at the path, which may belong to another database now.
  const lost = fileWatch.findLost()
  if (lost) throw lost
  readOnly.close()
  checkpoints.moveRemainingPages()
  database.close()
}

/** Opens the SQLite store: creates the file, migrates its schema and owns it until disposed. */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const unlock = lockDatabaseFile(options.file)
  try {
    const connections = openConnections(options)
    const { database, facts, clock, reader, batches, listeners, diskSpace } = connections
    await connections.resume(facts.lastCommit)
    connections.standstill.start()
    connections.fileWatch.start()
    const walFile = `${resolveDatabaseFile(options.file)}-wal`
    let closed: Promise<void> | undefined
    return {
      durability: options.durability,
      epoch: facts.epoch,
      secret: facts.secret,
      now: clock,
      read: (work) => readOrCrash(work(reader)),
      transact: (scope, work) =>
        diskSpace?.full && !scope.freesSpace ? Promise.reject(diskSpace.fullError()) : batches.transact(scope, work),
      diskSpace,
      queueAgeMs: (place) => batches.queueAgeMs(place),
      setArrivalSource: (earliest) => batches.setArrivalSource(earliest),
      get queueState() {
        return batches.queueState
      },
      onNotification: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      onCommit: (listener) => void connections.commitListeners.push(listener),
      databaseBytes: () => Promise.resolve(statSync(options.file).size),
      walBytes: () => statSync(walFile, { throwIfNoEntry: false })?.size ?? 0,
      reclaimPages: () => reclaimPages(database, batches),
      isUniqueViolation: (error) => /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(sqliteCode(error) ?? ''),
      [Symbol.asyncDispose]: () => {
        closed ??= closeConnections(connections).then(unlock)
        return closed
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}
