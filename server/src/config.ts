import { duration } from '@tony/mcp-shared/durations'
import { defaultMaxPending } from '@tony/mcp-shared/messages'
import { defaultMaxStarvationMs } from '@tony/mcp-shared/tasks'
import { z } from 'zod'
import { type Limits, readLimits } from './limits.ts'
import { commaList, databaseUrl, isPostgresUrl, port, rowLimit } from './platform/environment-values.ts'

/** The environment is unusable. The message names each wrong variable and its fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const environment = z.object({
  MCP_PORT: port.optional(),
  PORT: port.optional(),
  MCP_HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_PATH: z.string().min(1).optional(),
  MCP_DATABASE_PATH: z.string().min(1).optional(),
  MCP_DATABASE: z.string().min(1).optional(),
  MCP_DATABASE_URL: databaseUrl.optional(),
  DATABASE_URL: databaseUrl.optional(),
  /** Direct address of the PostgreSQL server when DATABASE_URL leads to a pooler. */
  DATABASE_DIRECT_URL: databaseUrl.optional(),
  MCP_DATABASE_POOLER: z.enum(['on', 'off']).default('off'),
  MCP_NOTIFY: z.enum(['on', 'off']).default('on'),
  /** Folder of the log file; default: standard error. */
  LOG_DIR: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  MCP_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  MCP_DURABILITY: z.enum(['disk', 'process']).default('disk'),
  MCP_BACKUP_DIR: z.string().min(1).optional(),
  MCP_AGENT_TIMEOUT_MS: z.coerce.number().int().min(1_000).default(30_000),
  MCP_DRAIN_MS: z.coerce.number().int().min(0).max(10_000).optional(),
  MCP_MAX_PENDING: z.coerce.number().int().min(1).default(defaultMaxPending),
  MCP_MAX_STARVATION_MS: z.coerce.number().int().min(10_000).default(defaultMaxStarvationMs),
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
  /** File with the pepper, kept apart from the database. */
  MCP_PEPPER_FILE: z.string().min(1).optional(),
  MCP_BOOTSTRAP_TOKEN_FILE: z.string().min(1).optional(),
  /** File that lists the trusted outside issuers of tokens and the roles they may grant. */
  MCP_ISSUERS_FILE: z.string().min(1).optional(),
  /** Time after which the next signing key replaces the current one; 0 means never. */
  MCP_KEY_ROTATION: duration.prefault('30d'),
  /** Certificate with its intermediates, and its private key, as PEM files. */
  TLS_CERT_FILE: z.string().min(1).optional(),
  TLS_KEY_FILE: z.string().min(1).optional(),
  MCP_ALLOWED_HOSTS: commaList(
    z.string().regex(/^[^\s/]+$/, 'must be host names as in a Host header, without a scheme or a path'),
  ),
  MCP_ALLOWED_ORIGINS: commaList(z.string().regex(/^https?:\/\/[^\s/]+$/, 'must be origins: https://host')),
  MCP_TRUSTED_PROXIES: commaList(z.union([z.cidrv4(), z.cidrv6()])),
  /** CIDR blocks that may read `/metrics` in serve mode without a credential. */
  MCP_METRICS_CIDRS: commaList(z.union([z.cidrv4(), z.cidrv6()])),
  /** Private networks that webhooks may call, also without encryption. */
  MCP_WEBHOOK_CIDRS: commaList(z.union([z.cidrv4(), z.cidrv6()])),
  /** Origins whose endpoints need no challenge. */
  MCP_WEBHOOK_ORIGINS: commaList(z.string().regex(/^https?:\/\/[^\s/]+$/, 'must be origins: https://host')),
  NODE_ENV: z.string().optional(),
})

export type ServerMode = 'dev' | 'serve'

export interface Config {
  readonly mode: ServerMode
  readonly host: string
  readonly port: number
  /** SQLite file; unused if `postgres` is set. */
  readonly database: string
  readonly postgres: PostgresConfig | undefined
  readonly durability: 'disk' | 'process'
  /** Folder of the backups; unused if `postgres` is set. */
  readonly backupDir: string
  /** Folder of the log file; undefined means standard error. */
  readonly logDir: string | undefined
  readonly logLevel: NonNullable<z.output<typeof environment>['LOG_LEVEL']>
  /** Silence in milliseconds after which an agent counts as offline. */
  readonly agentTimeoutMs: number
  /** Time in milliseconds over which a stopping server asks its clients to move. */
  readonly drainMs: number
  /** Inbox capacity: unsettled messages per inbox. */
  readonly maxPending: number
  /** Longest wait of a `low` task in milliseconds while higher priorities saturate the fleet. */
  readonly maxStarvationMs: number
  readonly retention: RetentionConfig
  /** Size of the ballast. With 0 there is none, and on a full disk each write fails on its own. */
  readonly ballastBytes: number
  /** Role of callers on the same machine in dev mode. */
  readonly devRole: 'tech-lead' | 'admin'
  /** Lifetime of an access token in milliseconds. */
  readonly accessTokenMs: number
  /** File that lists the trusted outside issuers of tokens. */
  readonly issuersFile: string | undefined
  /** Time in milliseconds for which a signing key signs; 0 means no rotation. */
  readonly keyRotationMs: number
  /** Files of the pepper and the bootstrap token if the operator provides them. */
  readonly pepperFile: string | undefined
  readonly bootstrapTokenFile: string | undefined
  /** Files of the certificate and its private key; undefined means HTTP without encryption. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  /** Accepted `Host` headers in serve mode; empty means any. */
  readonly allowedHosts: readonly string[]
  /** Origins whose pages may call; dev mode adds those of the loopback. */
  readonly allowedOrigins: readonly string[]
  /** CIDR blocks of the proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: readonly string[]
  /** CIDR blocks that may read `/metrics` in serve mode without a credential. */
  readonly metricsCidrs: readonly string[]
  /** Private networks that webhooks may call, and origins whose endpoints need no challenge. */
  readonly webhooks: { readonly cidrs: readonly string[]; readonly origins: readonly string[] }
  /** True if every reply is checked against its schema; only tests pay for that. */
  readonly checkReplies: boolean
  readonly limits: Limits
}

/** Retention of one class of rows: maximum age and maximum number. 0 means no limit. */
export interface RetentionRule {
  readonly ms: number
  readonly maxRows: number
}

/** Retention by class. Rows in use are never deleted. */
export interface RetentionConfig {
  readonly events: RetentionRule
  /** Age since the task ended. */
  readonly tasks: RetentionRule
  /** Age since the ack or the expiry. Dead letters stay until they are purged. */
  readonly messages: RetentionRule
  readonly health: RetentionRule
  /**
   * Age since the agent was unregistered; its inbox goes with it. It is also the silence after
   * which an agent with an empty inbox is unregistered.
   */
  readonly agents: RetentionRule
  /** Age since the plan began; only committed and aborted plans are deleted. */
  readonly plans: RetentionRule
  /** Age since the last time at which the session could have been refreshed. */
  readonly sessions: RetentionRule
  /** Denials of all projects together. */
  readonly denials: RetentionRule
}

export interface PostgresConfig {
  readonly url: string
  /** Direct address of the database when `url` leads to a pooler. */
  readonly directUrl: string | undefined
  /** True if `url` leads to a pooler in transaction mode. */
  readonly pooler: boolean
  /**
   * True if replicas notify each other of commits. Otherwise a replica finds the commits of others
   * within a second.
   */
  readonly notify: boolean
  /** True if batches of one project take the writer lock across replicas; default true. */
  readonly writerLock?: boolean
}

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/**
 * Picks the database from the accepted variables: the name without `MCP_` wins among files, and a
 * file wins over a URL.
 */
function readDatabase(values: z.output<typeof environment>): Pick<Config, 'database' | 'postgres'> {
  const file = values.DATABASE_PATH ?? values.MCP_DATABASE_PATH ?? values.MCP_DATABASE
  const url = values.MCP_DATABASE_URL ?? values.DATABASE_URL
  if (file !== undefined && url !== undefined && isPostgresUrl(url))
    throw new ConfigError(
      `both a file (${file}) and a PostgreSQL are named: unset DATABASE_PATH and its like, or DATABASE_URL`,
    )
  if (file !== undefined || url === undefined) return { database: file ?? 'tony-mcp.db', postgres: undefined }
  if (!isPostgresUrl(url)) return { database: url.replace(/^sqlite:(\/\/)?/, ''), postgres: undefined }
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

/**
 * Throws ConfigError where dev mode could be reached from other machines: it authenticates no
 * caller.
 */
function refuseUnsafeDevMode({ NODE_ENV, MCP_HOST }: z.output<typeof environment>): void {
  if (NODE_ENV === 'production') {
    throw new ConfigError(
      'dev mode needs no credential from callers on this machine and refuses NODE_ENV=production: use serve',
    )
  }
  if (!loopback.has(MCP_HOST))
    throw new ConfigError(`dev mode binds loopback only, not MCP_HOST=${MCP_HOST}: anyone who reaches it is tech-lead`)
}

/** Parses the environment. Throws ConfigError that lists every problem. */
export function readConfig(mode: ServerMode, env: Readonly<Record<string, string | undefined>>): Config {
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
    // A single process has no replica to move its clients to, so it stops at once.
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
    webhooks: { cidrs: values.MCP_WEBHOOK_CIDRS, origins: values.MCP_WEBHOOK_ORIGINS },
    checkReplies: false,
    limits,
  })
}

/**
 * Returns the configuration of this process for commands that run no server. Throws ConfigError.
 */
export const readEnvironmentConfig = (): Config => readConfig('serve', process.env)

/** Returns the name of a database for messages and logs, without the password. */
export function databaseName({ database, postgres }: Pick<Config, 'database' | 'postgres'>): string {
  if (!postgres) return database
  const { host, pathname } = new URL(postgres.url)
  return `postgres://${host}${pathname}`
}
