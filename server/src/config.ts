import { duration } from '@tony/mcp-shared/durations'
import { defaultMaxPending } from '@tony/mcp-shared/messages'
import { maxStarvationMs } from '@tony/mcp-shared/tasks'
import { z } from 'zod'
import { type Limits, readLimits } from './limits.ts'

/** The environment cannot be used; the message names each variable and what is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const port = z.coerce.number().int().min(0).max(65_535)

/** `sqlite://FILE`, or where a PostgreSQL is. */
const databaseUrl = z
  .string()
  .regex(/^(sqlite:(\/\/)?.|postgres(ql)?:\/\/.)/, 'must be sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE')

const isPostgres = (url: string): boolean => /^postgres(ql)?:/.test(url)

/** Separated by commas. */
const commaList = (of: z.ZodType<string, string>) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(of))

/** A number of rows to keep, 0 for as many as there are; not so few that what is in use would go. */
const rowLimit = (minimum: number, fallback = 0) =>
  z.coerce
    .number()
    .int()
    .refine((most) => most === 0 || most >= minimum, `must be 0 or at least ${minimum}`)
    .default(fallback)

const environment = z.object({
  MCP_PORT: port.optional(),
  PORT: port.optional(),
  MCP_HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_PATH: z.string().min(1).optional(),
  MCP_DATABASE_PATH: z.string().min(1).optional(),
  MCP_DATABASE: z.string().min(1).optional(),
  MCP_DATABASE_URL: databaseUrl.optional(),
  DATABASE_URL: databaseUrl.optional(),
  /** Past a pooler, straight to the PostgreSQL. */
  DATABASE_DIRECT_URL: databaseUrl.optional(),
  MCP_DATABASE_POOLER: z.enum(['on', 'off']).default('off'),
  MCP_NOTIFY: z.enum(['on', 'off']).default('on'),
  /** A folder to write the log into, instead of standard error. */
  LOG_DIR: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  MCP_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  MCP_DURABILITY: z.enum(['disk', 'process']).default('disk'),
  MCP_BACKUP_DIR: z.string().min(1).optional(),
  MCP_AGENT_TIMEOUT_MS: z.coerce.number().int().min(1_000).default(30_000),
  MCP_DRAIN_MS: z.coerce.number().int().min(0).max(10_000).optional(),
  MCP_MAX_PENDING: z.coerce.number().int().min(1).default(defaultMaxPending),
  MCP_MAX_STARVATION_MS: z.coerce.number().int().min(10_000).default(maxStarvationMs),
  MCP_RETENTION_EVENTS: duration.prefault('30d'),
  MCP_RETENTION_EVENTS_MOST: rowLimit(10_000),
  MCP_RETENTION_TASKS: duration.prefault('30d'),
  MCP_RETENTION_TASKS_MOST: rowLimit(100),
  MCP_RETENTION_MESSAGES: duration.prefault('7d'),
  MCP_RETENTION_MESSAGES_MOST: rowLimit(100),
  MCP_RETENTION_HEALTH: duration.prefault('7d'),
  MCP_RETENTION_AGENTS: duration.prefault('30d'),
  MCP_RETENTION_PLANS: duration.prefault('30d'),
  MCP_RETENTION_SESSIONS: duration.prefault('30d'),
  MCP_RETENTION_DENIALS: duration.prefault('90d'),
  MCP_RETENTION_DENIALS_MOST: rowLimit(1_000, 1_000_000),
  MCP_DEV_ROLE: z.enum(['tech-lead', 'admin']).default('tech-lead'),
  /** A file with the secret that hashes of secrets are made with, kept elsewhere than beside the database. */
  MCP_PEPPER_FILE: z.string().min(1).optional(),
  MCP_BOOTSTRAP_TOKEN_FILE: z.string().min(1).optional(),
  /** A file that says which outside issuers of tokens are trusted, and with what. */
  MCP_ISSUERS_FILE: z.string().min(1).optional(),
  /** How long a signing key signs before the next one does; 0 for ever. */
  MCP_KEY_ROTATION: duration.prefault('30d'),
  /** Certificate, with those between it and the root, and its key, as PEM. */
  TLS_CERT_FILE: z.string().min(1).optional(),
  TLS_KEY_FILE: z.string().min(1).optional(),
  MCP_ALLOWED_HOSTS: commaList(z.string().regex(/^[^\s/]+$/, 'must be names as a Host header has them')),
  MCP_ALLOWED_ORIGINS: commaList(z.string().regex(/^https?:\/\/[^\s/]+$/, 'must be origins: https://host')),
  MCP_TRUSTED_PROXIES: commaList(z.union([z.cidrv4(), z.cidrv6()])),
  /** Blocks of addresses that may read `/metrics` in serve mode without a credential. */
  MCP_METRICS_CIDRS: commaList(z.union([z.cidrv4(), z.cidrv6()])),
  NODE_ENV: z.string().optional(),
})

export type Mode = 'dev' | 'serve'

export interface Config {
  readonly mode: Mode
  readonly host: string
  readonly port: number
  /** The SQLite file, where `postgres` is not set. */
  readonly database: string
  readonly postgres: PostgresConfig | undefined
  readonly durability: 'disk' | 'process'
  /** Folder of the backups, where `postgres` is not set. */
  readonly backupDir: string
  /** Folder of the log file; standard error when absent. */
  readonly logDir: string | undefined
  readonly logLevel: NonNullable<z.output<typeof environment>['LOG_LEVEL']>
  /** How long an agent may be silent before it counts as offline, in milliseconds. */
  readonly agentTimeoutMs: number
  /** Over how long callers are told to move when this server ends, in milliseconds. */
  readonly drainMs: number
  /** How many messages a mailbox holds that are neither acked nor dead. */
  readonly maxPending: number
  /** A `low` task is claimed within this time under saturation by higher ones, in milliseconds. */
  readonly maxStarvationMs: number
  readonly retention: RetentionConfig
  /** Size of the file that is given up when the disk is full; 0 for none, and then each write finds that out anew. */
  readonly ballastBytes: number
  /** What a developer on the same machine acts as in dev mode. */
  readonly devRole: 'tech-lead' | 'admin'
  /** How long an access token lasts, in milliseconds. */
  readonly accessTokenMs: number
  /** Which outside issuers of tokens are trusted. */
  readonly issuersFile: string | undefined
  /** How long a signing key signs before the next one does, in milliseconds; 0 for ever. */
  readonly keyRotationMs: number
  /** Where the pepper and the bootstrap token are, when somebody else keeps them. */
  readonly pepperFile: string | undefined
  readonly bootstrapTokenFile: string | undefined
  /** Where the certificate and its key are; absent for HTTP in the clear. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  /** What a `Host` may say in serve mode; empty for anything. */
  readonly allowedHosts: readonly string[]
  /** Origins whose pages may call, beside those of the loopback in dev mode. */
  readonly allowedOrigins: readonly string[]
  /** Blocks of addresses whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Blocks of addresses that may read `/metrics` in serve mode without a credential. */
  readonly metricsCidrs: readonly string[]
  /** Check every reply against its schema: for tests, where it is worth its price. */
  readonly checkReplies: boolean
  readonly limits: Limits
}

/** How long and how much is kept of something; 0 is for ever, and as much as there is. */
export interface RetentionRule {
  readonly ms: number
  readonly maxRows: number
}

/** How long and how much is kept, by class; what is in use is kept in any case. */
export interface RetentionConfig {
  readonly events: RetentionRule
  /** Since they ended. */
  readonly tasks: RetentionRule
  /** Since they were acked or expired. Dead letters stay until somebody purges them. */
  readonly messages: RetentionRule
  readonly health: RetentionRule
  /** Since they were unregistered, with their mailboxes; and since the last sign of life of those that are, having no mail. */
  readonly agents: RetentionRule
  /** Since they were begun, once they are committed or aborted. */
  readonly plans: RetentionRule
  /** Since they could be refreshed at the very latest. */
  readonly sessions: RetentionRule
  /** Calls that were refused for who the caller was; of all projects together. */
  readonly denials: RetentionRule
}

export interface PostgresConfig {
  readonly url: string
  /** Straight to the database, where `url` leads to a pooler. */
  readonly directUrl: string | undefined
  /** `url` leads to a pooler in transaction mode. */
  readonly pooler: boolean
  /** Whether replicas tell each other of commits; without, what others did is seen within a second. */
  readonly notify: boolean
  /** Whether batches of one project take turns over all replicas, as they do where this is absent. */
  readonly writerLock?: boolean
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** Several names have been in use for the same database; the plain one wins, and a file before an address. */
function readDatabase(values: z.output<typeof environment>): Pick<Config, 'database' | 'postgres'> {
  const file = values.DATABASE_PATH ?? values.MCP_DATABASE_PATH ?? values.MCP_DATABASE
  const url = values.MCP_DATABASE_URL ?? values.DATABASE_URL
  if (file !== undefined || url === undefined) return { database: file ?? 'tony-mcp.db', postgres: undefined }
  if (!isPostgres(url)) return { database: url.replace(/^sqlite:(\/\/)?/, ''), postgres: undefined }
  const pooler = values.MCP_DATABASE_POOLER === 'on'
  const notify = values.MCP_NOTIFY === 'on'
  return { database: 'tony-mcp.db', postgres: { url, directUrl: values.DATABASE_DIRECT_URL, pooler, notify } }
}

const readRetention = (values: z.output<typeof environment>): RetentionConfig => ({
  events: { ms: values.MCP_RETENTION_EVENTS, maxRows: values.MCP_RETENTION_EVENTS_MOST },
  tasks: { ms: values.MCP_RETENTION_TASKS, maxRows: values.MCP_RETENTION_TASKS_MOST },
  messages: { ms: values.MCP_RETENTION_MESSAGES, maxRows: values.MCP_RETENTION_MESSAGES_MOST },
  health: { ms: values.MCP_RETENTION_HEALTH, maxRows: 0 },
  agents: { ms: values.MCP_RETENTION_AGENTS, maxRows: 0 },
  plans: { ms: values.MCP_RETENTION_PLANS, maxRows: 0 },
  sessions: { ms: values.MCP_RETENTION_SESSIONS, maxRows: 0 },
  denials: { ms: values.MCP_RETENTION_DENIALS, maxRows: values.MCP_RETENTION_DENIALS_MOST },
})

function readTls({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }: z.output<typeof environment>): Config['tls'] {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile === undefined && keyFile === undefined) return undefined
  throw new ConfigError('TLS needs both TLS_CERT_FILE and TLS_KEY_FILE')
}

/** Dev mode asks nobody who they are: it is for callers on this machine alone. */
function refuseUnsafeDevMode({ NODE_ENV, MCP_HOST }: z.output<typeof environment>): void {
  if (NODE_ENV === 'production') {
    throw new ConfigError(
      'dev mode needs no credential from callers on this machine and refuses NODE_ENV=production: use serve',
    )
  }
  if (!loopback.has(MCP_HOST))
    throw new ConfigError(`dev mode binds loopback only, not MCP_HOST=${MCP_HOST}: anyone who reaches it is tech-lead`)
}

/** Reads the environment once. Throws ConfigError with every problem at once. */
export function readConfig(mode: Mode, env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  const { limits, problems: limitProblems } = readLimits(given)
  if (!parsed.success || !limits) {
    const issues = parsed.error?.issues ?? []
    const problems = [...issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`), ...limitProblems]
    throw new ConfigError(`the environment cannot be used: ${problems.join('; ')}`)
  }
  const values = parsed.data
  if (mode === 'dev') refuseUnsafeDevMode(values)
  const store = readDatabase(values)
  return Object.freeze({
    mode,
    host: values.MCP_HOST,
    port: values.MCP_PORT ?? values.PORT ?? 3456,
    ...store,
    backupDir: values.MCP_BACKUP_DIR ?? `${store.database}.backups`,
    durability: values.MCP_DURABILITY,
    logDir: values.LOG_DIR,
    logLevel: values.LOG_LEVEL ?? values.MCP_LOG_LEVEL ?? 'info',
    agentTimeoutMs: values.MCP_AGENT_TIMEOUT_MS,
    // One process has nobody to hand its callers over to: the sooner it is back the better.
    drainMs: values.MCP_DRAIN_MS ?? (store.postgres ? 5_000 : 0),
    maxPending: values.MCP_MAX_PENDING,
    maxStarvationMs: values.MCP_MAX_STARVATION_MS,
    retention: readRetention(values),
    ballastBytes: 33_554_432,
    devRole: values.MCP_DEV_ROLE,
    accessTokenMs: 600_000,
    issuersFile: values.MCP_ISSUERS_FILE,
    keyRotationMs: values.MCP_KEY_ROTATION,
    pepperFile: values.MCP_PEPPER_FILE,
    bootstrapTokenFile: values.MCP_BOOTSTRAP_TOKEN_FILE,
    tls: readTls(values),
    allowedHosts: values.MCP_ALLOWED_HOSTS,
    allowedOrigins: values.MCP_ALLOWED_ORIGINS,
    trustedProxies: values.MCP_TRUSTED_PROXIES,
    metricsCidrs: values.MCP_METRICS_CIDRS,
    checkReplies: false,
    limits,
  })
}

/** The configuration of this process, for commands that do not run a server. Throws ConfigError. */
export const readOwnConfig = (): Config => readConfig('serve', process.env)

/** A database as it is named to a reader: without the password. */
export function databaseName({ database, postgres }: Pick<Config, 'database' | 'postgres'>): string {
  if (!postgres) return database
  const { host, pathname } = new URL(postgres.url)
  return `postgres://${host}${pathname}`
}
