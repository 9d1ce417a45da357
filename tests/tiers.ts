/**
 * The files of each command. `npm test` runs every file that no list here names, `.ci/run` adds the
 * CI tier, and a nightly run adds the nightly tier. `vitest run FILE` runs a file of any tier.
 */
const tiers = ['quick', 'ci', 'nightly'] as const

export type Tier = (typeof tiers)[number] | 'any'

/** The mode of a vitest run is its tier; another mode selects no tier. */
export const tierOf = (mode: string): Tier => tiers.find((tier) => tier === mode) ?? 'any'

/** Files of a tier other than `npm test`, without `.test.ts`. */
export const filesByTier = {
  /** They pack or bundle packages, start many processes, or need PostgreSQL for long. */
  ci: [
    'access/targets',
    'bench/smoke',
    'bridge/conformance',
    'bridge/hook',
    'bridge/killed-server',
    'bridge/wake-kills',
    'cli-data',
    'cli/completion',
    'client/restart',
    'dashboard/acts',
    'dashboard/hostile',
    'dashboard/live',
    'dashboard/pages',
    'dashboard/sign-in',
    'dashboard/troubles',
    'demo',
    'faults/log',
    'faults/lost-file',
    'faults/postgres-standstill',
    'faults/power-controls',
    'model/sabotage',
    'package/bundle',
    'package/client',
    'package/pack',
    'package/plugins',
    'package/stock-clients',
    'races/cursors',
    'races/event-readers',
    'races/webhooks',
    'store/move',
    'store/sqlite.bulk',
    'store/postgres',
    'store/postgres.migrations',
    'transports/memory',
  ],
  nightly: ['races/event-readers.long'],
} satisfies Record<string, readonly string[]>

/** Files that run a part of their rounds in `npm test` and all of them in this tier. */
export const roundsByTier = {
  ci: [
    'bridge/budgets',
    'bridge/idle-fleet',
    'client/chaos',
    'client/leaks',
    'faults/io-errors',
    'faults/power-loss',
    'faults/standstill',
    'model/families',
    'model/feed',
    'model/locks',
    'model/messages',
    'model/tasks',
    'plan-round-trip',
    'races/claim',
    'races/holds',
    'races/sweeps',
    'scale/million',
    'transports/hostile',
    'transports/openapi-generated',
    'transports/pipeline-equality',
  ],
  nightly: ['bridge/event-readers', 'races/replicas', 'races/revocations', 'races/skew', 'transports/hostile-serve'],
} satisfies Record<string, readonly string[]>

/** Folders that do not depend on the engine. They run on PostgreSQL a second time, in this tier. */
export const onPostgresByTier = {
  quick: [],
  ci: ['api'],
  nightly: ['access', 'bridge', 'client', 'transports'],
} satisfies Record<string, readonly string[]>

/** These files damage the SQLite file, or sign with the key beside it. */
const sqliteOnly = ['access/matrix', 'access/equal-refusals', 'transports/failures']

interface Files {
  readonly include: string[]
  readonly exclude: string[]
}

interface TierFiles {
  readonly sqlite: Files
  readonly postgres: Files
  readonly rounds: 'part' | 'full'
}

const globsOf = (names: readonly string[]): string[] => names.map((name) => `tests/${name}.test.ts`)
const foldersOf = (names: readonly string[]): string[] => names.map((name) => `tests/${name}/**/*.test.ts`)

/**
 * Returns the globs of a tier. `any` has every file on SQLite, and every file that can run on
 * PostgreSQL.
 */
export function filesOf(tier: Tier): TierFiles {
  const all = { include: ['tests/**/*.test.ts'], exclude: [] }
  const onPostgres = tier === 'any' ? Object.values(onPostgresByTier).flat() : onPostgresByTier[tier]
  const postgres = { include: foldersOf(onPostgres), exclude: globsOf(sqliteOnly) }
  if (tier === 'any') return { sqlite: all, postgres, rounds: 'part' }
  const others = globsOf([...filesByTier.ci, ...filesByTier.nightly])
  if (tier === 'quick') return { sqlite: { ...all, exclude: others }, postgres, rounds: 'part' }
  const own = globsOf([...filesByTier[tier], ...roundsByTier[tier]])
  return { sqlite: { include: own, exclude: [] }, postgres, rounds: 'full' }
}
