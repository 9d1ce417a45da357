import { dirname } from 'node:path'
import { type Config, databaseName } from './config.ts'
import { Presence } from './domain/agents/presence.ts'
import type { Services } from './domain/context.ts'
import { Feeds } from './domain/feed/feeds.ts'
import { HistoryRecorder } from './domain/history/recorder.ts'
import { Bootstrap, type BootstrapState } from './domain/identity/bootstrap.ts'
import { DenialLog } from './domain/identity/denial-log.ts'
import { Incarnations, loadIncarnations } from './domain/identity/incarnations.ts'
import { readIssuers } from './domain/identity/issuers/issuer-config.ts'
import { Issuers } from './domain/identity/issuers/issuers.ts'
import { DatabaseKeyStore, FileKeyStore } from './domain/identity/key-store.ts'
import { LastKeyUse } from './domain/identity/key-use.ts'
import { Lockouts } from './domain/identity/lockouts.ts'
import { Pepper, requireSamePepper } from './domain/identity/pepper.ts'
import { RateLimiter } from './domain/identity/rate-limiter.ts'
import { Revocations } from './domain/identity/revocations.ts'
import { SigningKeys } from './domain/identity/signing-keys.ts'
import { AccessTokens } from './domain/identity/tokens.ts'
import { InboxWaiters } from './domain/messages/inbox-waiters.ts'
import { ReplyWaiters } from './domain/requests/reply-waiters.ts'
import { ClaimGroupCache } from './domain/tasks/claim-group-cache.ts'
import { ClaimWaiters } from './domain/tasks/claim-waiters.ts'
import { LeaseEndSubscribers } from './domain/tasks/lease-end-subscribers.ts'
import { LeaseTokens } from './domain/tasks/lease-tokens.ts'
import { WebhookSender } from './domain/webhooks/sender.ts'
import { subscribeToNotifications } from './notifications.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { createLog, type Log, openLogDestination } from './platform/log.ts'
import { Metrics } from './platform/metrics.ts'
import { QueuedInputs } from './platform/queued-inputs.ts'
import { PageSlots } from './platform/reply-budget.ts'
import { iso } from './platform/times.ts'
import { WebhookPoster } from './platform/webhook-poster.ts'
import { connectReports, type Reports } from './reports.ts'
import { BackupRunner } from './store/backup/backup-runner.ts'
import { createFolder } from './store/file-sync.ts'
import { openStore } from './store/open-store.ts'
import { ageTasks } from './sweeps/age-tasks.ts'
import { applyRetention } from './sweeps/apply-retention.ts'
import { continuePlans } from './sweeps/continue-plans.ts'
import { deleteIdempotencyKeys } from './sweeps/delete-idempotency-keys.ts'
import { deliverWebhooks } from './sweeps/deliver-webhooks.ts'
import { expireLeases } from './sweeps/expire-leases.ts'
import { expireMessages } from './sweeps/expire-messages.ts'
import { freeDiskSpace } from './sweeps/free-disk-space.ts'
import { markDueReady } from './sweeps/mark-due-ready.ts'
import { recordDenials } from './sweeps/record-denials.ts'
import { recordHistory, recordLastStep } from './sweeps/record-history.ts'
import { recordKeyUse } from './sweeps/record-key-use.ts'
import { recordPresence } from './sweeps/record-presence.ts'
import { redeliver } from './sweeps/redeliver.ts'
import { refreshIssuers } from './sweeps/refresh-issuers.ts'
import { refreshRevocations } from './sweeps/refresh-revocations.ts'
import { refreshSigningKeys } from './sweeps/refresh-signing-keys.ts'
import { runSweep, SweepRunner } from './sweeps/runner.ts'
import { timeOutRequests } from './sweeps/time-out-requests.ts'
import { timeOutTasks } from './sweeps/time-out-tasks.ts'
import { unparkTasks } from './sweeps/unpark-tasks.ts'
import { unregisterSilentAgents } from './sweeps/unregister-silent-agents.ts'
import { wakeSessions } from './sweeps/wake-sessions.ts'
import { Listener } from './transports/http/listener.ts'

export const sweeps = [
  expireLeases,
  timeOutTasks,
  expireMessages,
  markDueReady,
  continuePlans,
  unparkTasks,
  ageTasks,
  redeliver,
  timeOutRequests,
  deliverWebhooks,
  wakeSessions,
  refreshRevocations,
  refreshSigningKeys,
  refreshIssuers,
  recordPresence,
  recordDenials,
  recordKeyUse,
  recordHistory,
  deleteIdempotencyKeys,
  unregisterSilentAgents,
  applyRetention,
  freeDiskSpace,
] as const

/**
 * A running server. Its disposal drains it: the server refuses new callers, commits the accepted
 * operations and closes the database.
 */
export interface RunningServer extends AsyncDisposable {
  /** Base URL for callers: `http://host:port`. */
  readonly url: string
  readonly services: Services
  readonly log: Log
  /**
   * Resolves when a newer version has migrated the store past this version; the server must then
   * stop.
   */
  readonly outdated: Promise<Error>
  /** Rereads the certificate files and the signing keys now. */
  reload(): Promise<void>
}

function createWebhookSender(
  { store, clock, config }: Pick<Services, 'store' | 'clock' | 'config'>,
  pepper: Pepper,
  { metrics, log }: Reports,
): WebhookSender {
  const poster = new WebhookPoster(config.webhooks.cidrs)
  const onAttempt = (outcome: string) => metrics.countWebhookAttempt(outcome)
  const onFailure = (error: unknown) => log.error({ error }, 'cannot deliver webhooks')
  const isOnlyProcess = config.postgres === undefined
  return new WebhookSender({ store, clock, pepper, poster, isOnlyProcess, onAttempt }, onFailure)
}

const createWaiters = (): Services['waiters'] => ({
  claims: new ClaimWaiters(),
  leaseEnds: new LeaseEndSubscribers(),
  inboxes: new InboxWaiters(),
  replies: new ReplyWaiters(),
})

async function createServices(config: Config, clock: Clock, reports: Reports): Promise<Services> {
  const { database, postgres, accessTokenMs, mode } = config
  createFolder(dirname(database))
  const store = await openStore(config, clock)
  try {
    const pepper = Pepper.open(config.pepperFile, `${database}.pepper`)
    await requireSamePepper(store, pepper, config)
    // Replicas must accept each other's tokens, so they share the keys through the database.
    const keyStore = postgres ? new DatabaseKeyStore(store, pepper) : new FileKeyStore(`${database}.key`)
    return {
      config,
      clock,
      store,
      identity: {
        tokens: new AccessTokens(await SigningKeys.open(keyStore, clock, accessTokenMs), accessTokenMs, clock),
        issuers: new Issuers(readIssuers(config.issuersFile), clock),
        pepper,
        keyUse: new LastKeyUse(),
        bootstrap: new Bootstrap(`${database}.bootstrap`),
        incarnations: new Incarnations(await store.read(loadIncarnations)),
        revocations: new Revocations(clock, store),
        lockouts: new Lockouts(clock),
        // Off in dev mode: a limited caller could call as the developer instead.
        rateLimiter: new RateLimiter(clock, { enabled: mode === 'serve', ...config.limits }),
        denials: new DenialLog(),
      },
      waiters: createWaiters(),
      feeds: new Feeds(store),
      presence: new Presence(),
      history: new HistoryRecorder(),
      webhooks: createWebhookSender({ store, clock, config }, pepper, reports),
      claimGroups: new ClaimGroupCache(),
      leaseTokens: new LeaseTokens(store.secret),
      backupRunner: postgres
        ? undefined
        : new BackupRunner(() => ({ file: database, folder: config.backupDir, at: clock.wall() })),
      retentionProgress: {
        cursors: new Map(),
        onDeleted: (what, rows) => reports.metrics.countDeletedRows(what, rows),
      },
      pageSlots: new PageSlots(clock, config.limits.pageBytes),
      queuedInputs: new QueuedInputs(config.limits.queueBytes),
      startedAt: clock.monotonic(),
      now: store.now,
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * Prepares access before the listener opens: issues the bootstrap token if no admin key exists, and
 * loads the revocations of tokens that may not have expired yet.
 */
async function prepareAccess({ config, store, identity }: Services): Promise<BootstrapState> {
  const { database, accessTokenMs, bootstrapTokenFile: givenFile } = config
  const ownFile = `${database}.bootstrap`
  const armed =
    config.mode === 'serve'
      ? await Bootstrap.issueToken({ store, pepper: identity.pepper, givenFile, ownFile })
      : ({ state: 'not_needed' } as const)
  await identity.revocations.load(accessTokenMs)
  return armed
}

/**
 * Logs at the start who has access: every caller on this machine in dev mode, or the holders of
 * keys. Without an admin key it logs the file of the bootstrap token.
 */
function logAccess(config: Config, armed: BootstrapState, log: Log, url: string): void {
  const { mode, devRole } = config
  const database = databaseName(config)
  if (mode === 'dev') {
    const message = `dev mode: every caller on this machine is ${devRole}, without a credential`
    return log.warn({ url, database, role: devRole }, message)
  }
  switch (armed.state) {
    case 'not_needed':
      return log.info({ url, database }, 'ready')
    case 'armed':
      return log.warn(
        { url, database, file: armed.file, until: iso(armed.expiresAt) },
        `there is no admin key: exchange the token in ${armed.file} for one by auth.keys.create, within an hour`,
      )
    case 'spent':
      return log.error(
        { url, database, file: armed.file },
        `there is no admin key, and the token in ${armed.file} was used before: put a new one there and start again`,
      )
    case 'unwritable':
      return log.error(
        { url, database, file: armed.file, errorCode: armed.errorCode },
        `there is no admin key, and the token for one cannot be written to ${armed.file} (${armed.errorCode}): set MCP_BOOTSTRAP_TOKEN_FILE to a file with a token of your own and start again`,
      )
  }
}

/**
 * Starts a server and returns once it accepts calls. Throws ConfigError, StoreInUseError,
 * SchemaError or ListenError.
 */
export async function startServer(config: Config, clock: Clock = systemClock): Promise<RunningServer> {
  const metrics = new Metrics()
  const logDestination = openLogDestination(config, () => metrics.countDroppedLogLine())
  const log = createLog(config, logDestination)
  const services = await createServices(config, clock, { metrics, log })
  connectReports(services, { metrics, log })
  subscribeToNotifications(services, log)
  const listener = new Listener(services, log, metrics)
  const sweepRunner = new SweepRunner(services, log)
  const close = async () => {
    await sweepRunner.stop()
    await services.webhooks.stop()
    await services.backupRunner?.close()
    // A store that is unreachable at the end must not stop the shutdown.
    if (services.identity.denials.hasPending)
      await runSweep(services, recordDenials).catch((error: unknown) => log.error({ error }, 'cannot record denials'))
    await recordLastStep(services).catch((error: unknown) => log.error({ error }, 'cannot record the history'))
    services.history.loopLag.stop()
    await services.store[Symbol.asyncDispose]()
    logDestination.close()
  }
  try {
    const armed = await prepareAccess(services)
    // An issuer that does not reply now is retried by a sweep. Until then its tokens are refused.
    await services.identity.issuers.refresh().catch((error: unknown) => log.error({ error }, 'cannot refresh issuers'))
    const url = await listener.open()
    sweepRunner.start(sweeps)
    logAccess(config, armed, log, url)
    let closed: Promise<void> | undefined
    return {
      url,
      services,
      log,
      outdated: services.store.outdated ?? new Promise(() => undefined),
      reload: async () => {
        listener.reload()
        await services.identity.tokens.keys
          .refresh()
          .catch((error: unknown) => log.error({ error }, 'cannot read the signing keys'))
      },
      [Symbol.asyncDispose]: () => {
        closed ??= listener.close().then(close)
        return closed
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
