import { type Import, importsOf } from './imports.ts'
import type { Rule } from './source.ts'

/** The nouns of the product: none imports another. A rule across nouns is a constraint, an event or a sweep. */
export const nouns = [
  'tasks',
  'agents',
  'messages',
  'plans',
  'projects',
  'requests',
  'health',
  'system',
  'auth',
  'audit',
] as const

const ground = ['shared', 'ground']
const operations = [
  ...ground,
  'store',
  'context',
  'events',
  'leases',
  'intake',
  'counts',
  'mail',
  'fleet',
  'vitals',
  'sessions',
]

/** What each room may import, beside itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  tools: ['shared'],
  ground: ['shared'],
  config: ['shared', 'ground', 'retention'],
  log: ['config'],
  metrics: ['shared'],
  store: ground,
  context: [...ground, 'store'],
  events: [...ground, 'store', 'context'],
  leases: [...ground, 'store', 'context'],
  intake: [...ground, 'store', 'context', 'leases', 'vitals'],
  counts: [...ground, 'store'],
  mail: [...ground, 'store'],
  fleet: [...ground, 'store', 'context', 'leases'],
  vitals: [...ground, 'store', 'context'],
  sessions: [...ground, 'store', 'context'],
  retention: [...ground, 'store', 'events'],
  ...Object.fromEntries(nouns.map((noun) => [noun, operations])),
  auth: [...operations, 'config'],
  sweeps: [...operations, ...nouns, 'retention', 'log'],
  guards: [...ground, 'store', 'context', 'log', 'metrics'],
  api: [...operations, ...nouns, 'guards'],
  mcp: [...operations, 'api', 'guards', 'tools'],
  surfaces: [...ground, 'api', 'mcp', 'tools', 'guards', 'context', 'config', 'log', 'metrics'],
  server: [...operations, 'retention', ...nouns, 'sweeps', 'guards', 'surfaces', 'config', 'log', 'metrics'],
  care: [...ground, 'store', 'config', 'auth'],
  main: ['ground', 'server', 'config', 'store', 'surfaces'],
  client: ['shared'],
  bridge: ['shared', 'tools', 'client'],
  cli: ['shared', 'client', 'bridge', 'main', 'server', 'config', 'care'],
}

const rootFiles: Readonly<Record<string, string>> = {
  clock: 'ground',
  times: 'ground',
  backoff: 'ground',
  bell: 'ground',
  random: 'ground',
  limits: 'ground',
  paging: 'ground',
  version: 'ground',
  context: 'context',
  principal: 'context',
  waiting: 'context',
}

/** The room of a file: its folder, or for a file at the root of the server what it is. Undefined for a package. */
export function roomOf(path: string): string | undefined {
  const [workspace = '', src, first = '', ...rest] = path.split('/')
  if (src !== 'src') return undefined
  if (workspace !== 'server') return workspace
  if (rest.length > 0) return first
  const name = first.replace(/\.ts$/, '')
  return rootFiles[name] ?? name
}

export interface Exception {
  readonly from: string
  readonly to: string
  readonly reason: string
  /** Only for types. */
  readonly types?: true
}

/** The imports that run against the directions and cannot be turned now. */
export const exceptions: readonly Exception[] = [
  {
    from: 'server/src/context.ts',
    to: 'server/src/',
    types: true,
    reason: 'names the type of every part of the server, and is no code',
  },
  {
    from: 'server/src/guards/observe.ts',
    to: 'server/src/api/errors.ts',
    reason: "the code of an error that is not ours is the edge's to say; the table belongs below both",
  },
  {
    from: 'server/src/guards/denials.ts',
    to: 'server/src/api/errors.ts',
    reason: 'the same',
  },
  {
    from: 'server/src/surfaces/identify.ts',
    to: 'server/src/auth/issuers/admit.ts',
    reason: 'who shows a token of an outside issuer is established before there is a call',
  },
  {
    from: 'server/src/surfaces/identify.ts',
    to: 'server/src/auth/keys/verify.ts',
    reason: 'who shows a key is established before there is a call',
  },
  {
    from: 'server/src/surfaces/identify.ts',
    to: 'server/src/projects/find.ts',
    reason: 'a caller without a token names its project before there is a call',
  },
  {
    from: 'server/src/surfaces/frames.ts',
    to: 'server/src/events/item.ts',
    types: true,
    reason: 'a frame is made of the items of a feed, which are serialised once for all subscribers',
  },
]

const excuses =
  ({ from, to, value }: Import) =>
  (exception: Exception): boolean =>
    from === exception.from && to.startsWith(exception.to) && !(exception.types && value)

const against = (one: Import): boolean => {
  const [from, to] = [roomOf(one.from), roomOf(one.to)]
  if (from === undefined || to === undefined || from === to) return false
  return !(mayImport[from] ?? []).includes(to)
}

export const directions: Rule = (sources) =>
  sources
    .flatMap(importsOf)
    .filter((one) => against(one) && !exceptions.some(excuses(one)))
    .map(({ where, from, to }) => `${where}: ${roomOf(from)} imports ${roomOf(to)} (${to})`)

export const unknownRooms: Rule = (sources) =>
  sources.filter(({ path }) => !((roomOf(path) ?? '') in mayImport)).map(({ path }) => `${path}: belongs to no room`)

/** An exception nobody needs any more is an open door. */
export const idleExceptions: Rule = (sources) => {
  const wrong = sources.flatMap(importsOf).filter(against)
  return exceptions
    .filter((exception) => !wrong.some((one) => excuses(one)(exception)))
    .map(({ from, to }) => `${from} no longer imports ${to}: its exception can go`)
}
