import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Config, nameOf } from './config.ts'
import { Presence } from './domain/agents/presence.ts'
import type { Parts } from './domain/context.ts'
import { Streams } from './domain/feed/feeds.ts'
import { type Armed, Bootstrap } from './domain/identity/bootstrap.ts'
import { KeyUse } from './domain/identity/check-key.ts'
import { currentIncarnations, Incarnations } from './domain/identity/incarnations.ts'
import { Issuers } from './domain/identity/issuers/issuers.ts'
import { readIssuers } from './domain/identity/issuers/trusted.ts'
import { FileChest, StoreChest } from './domain/identity/key-store.ts'
import { Lockouts } from './domain/identity/lockouts.ts'
import { Pepper, requireSamePepper } from './domain/identity/pepper.ts'
import { Revocations } from './domain/identity/revocations.ts'
import { SigningKeys } from './domain/identity/signing-keys.ts'
import { Tokens } from './domain/identity/tokens.ts'
import { Inboxes } from './domain/messages/inbox-waiters.ts'
import { Replies } from './domain/requests/reply-waiters.ts'
import { Routes } from './domain/tasks/claim-group-cache.ts'
import { Held } from './domain/tasks/lease-end-subscribers.ts'
import { LeaseTokens } from './domain/tasks/lease-tokens.ts'
import { Queue } from './domain/tasks/claim-queue.ts'
import { Denials } from './guards/denials.ts'
import { Rates } from './guards/rates.ts'
import { figuresByProject } from './operations/system/metrics.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { createLog, type Log } from './platform/log.ts'
import { Metrics } from './platform/metrics.ts'
import { iso } from './platform/times.ts'
import { Backups } from './store/backup/backup-runner.ts'
import { openStore } from './store/open-store.ts'
import type { Wake } from './store/store.ts'
import { ageTasks } from './sweeps/age-tasks.ts'
import { retain } from './sweeps/apply-retention.ts'
import { forgetKeys } from './sweeps/delete-idempotency-keys.ts'
import { expireLeases } from './sweeps/expire-leases.ts'
import { expireMessages } from './sweeps/expire-messages.ts'
import { makeRoom } from './sweeps/free-disk-space.ts'
import { promoteDue } from './sweeps/promote-due.ts'
import { noteDenials } from './sweeps/record-denials.ts'
import { noteKeyUse } from './sweeps/record-key-use.ts'
import { notePresence } from './sweeps/record-presence.ts'
import { redeliver } from './sweeps/redeliver.ts'
import { runSweep, Sweeps } from './sweeps/runner.ts'
import { timeOut } from './sweeps/time-out-tasks.ts'
import { timeOutRequests } from './sweeps/time-out-requests.ts'
import { unparkFreed } from './sweeps/unpark-tasks.ts'
import { forgetSilent } from './sweeps/unregister-silent-agents.ts'
import { watchIssuers } from './sweeps/refresh-issuers.ts'
import { watchKeys } from './sweeps/refresh-signing-keys.ts'
import { watchRevocations } from './sweeps/refresh-revocations.ts'
import { Listener } from './transports/http/listener.ts'

export const sweeps = [
  expireLeases,
  timeOut,
  expireMessages,
  promoteDue,
  unparkFreed,
  ageTasks,
  redeliver,
  timeOutRequests,
  watchRevocations,
  watchKeys,
  watchIssuers,
  notePresence,
  noteDenials,
  noteKeyUse,
  forgetKeys,
  forgetSilent,
  retain,
  makeRoom,
] as const

/** A running server. Disposing it drains: no new callers, what was accepted is committed, the file is released. */
export interface RunningServer extends AsyncDisposable {
  /** Where callers reach it: `http://host:port`. */
  readonly url: string
  readonly parts: Parts
  /** Settles once the store is one that this program must not use any more: it is to end. */
  readonly outdated: Promise<Error>
  /** Looks at once for files that may have been renewed: certificate and signing keys. */
  reload(): Promise<void>
}

function listen(parts: Parts, log: Log): void {
  parts.store.onWake((wake: Wake) => {
    switch (wake.topic) {
      case 'tasks':
        return parts.queue.wake(wake)
      case 'lease':
        return parts.held.wake(wake)
      case 'inbox':
        return parts.inboxes.wake(wake.agentId, wake.because)
      case 'reply':
        return parts.replies.wake(wake.requestId)
      case 'incarnation':
        return parts.incarnations.supersede(wake.agentId, wake.incarnation, wake.left)
      case 'fleet':
        parts.inboxes.reconsider(wake.agentId)
        return parts.queue.reconsider(wake.project, wake.agentId)
      case 'revoked':
        return parts.revocations.note(wake, parts.now())
      case 'epoch':
        parts.routes.forget()
        parts.streams.restart()
        parts.store.read(currentIncarnations).then(
          (current) => parts.incarnations.replace(current),
          (error: unknown) => log.error({ error }, 'incarnations not read'),
        )
        return undefined
      case 'events':
        parts.streams.wake(wake.project)?.catch((error: unknown) => log.error({ error }, 'feed not read'))
        return undefined
    }
  })
}

async function assemble(config: Config, clock: Clock, metrics: Metrics): Promise<Parts> {
  const { database, postgres, accessTokenMs, mode } = config
  mkdirSync(dirname(database), { recursive: true })
  const store = await openStore(config, clock)
  try {
    const pepper = Pepper.open(config.pepperFile, `${database}.pepper`)
    await requireSamePepper(store, pepper, config)
    // Replicas must know each other's tokens.
    const chest = postgres ? new StoreChest(store, pepper) : new FileChest(`${database}.key`)
    return {
      config,
      clock,
      store,
      tokens: new Tokens(await SigningKeys.open(chest, clock, accessTokenMs), accessTokenMs, clock),
      issuers: new Issuers(readIssuers(config.issuersFile), clock),
      pepper,
      revocations: new Revocations(clock, store),
      keyUse: new KeyUse(),
      denials: new Denials(),
      // In dev mode whoever could be limited could call as the developer instead.
      rates: new Rates(clock, { on: mode === 'serve', ...config.limits }),
      lockouts: new Lockouts(clock),
      bootstrap: new Bootstrap(`${database}.bootstrap`),
      streams: new Streams(store),
      queue: new Queue(),
      routes: new Routes(),
      held: new Held(),
      leaseTokens: new LeaseTokens(store.secret),
      inboxes: new Inboxes(),
      replies: new Replies(),
      presence: new Presence(),
      backups: postgres
        ? undefined
        : new Backups(() => ({ file: database, folder: config.backupDir, at: clock.wall() })),
      retained: { positions: new Map(), removed: (what, rows) => metrics.removed(what, rows) },
      incarnations: new Incarnations(await store.read(currentIncarnations)),
      startedAt: clock.monotonic(),
      now: store.now,
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/** Before anybody is let in: the first credential, where there is none, and what was revoked while no token can have ended. */
async function prepareEntrance({ config, store, pepper, revocations }: Parts): Promise<Armed> {
  const { database, accessTokenMs, bootstrapTokenFile: given } = config
  const own = `${database}.bootstrap`
  const armed =
    config.mode === 'serve' ? await Bootstrap.arm({ store, pepper, given, own }) : ({ state: 'not needed' } as const)
  await revocations.begin(accessTokenMs)
  return armed
}

/** Who may come in, said once: anyone on this machine, or who has a key, and how to get the first one. */
function sayWhoMayCome(config: Config, armed: Armed, log: Log, url: string): void {
  const { mode, devRole } = config
  const database = nameOf(config)
  if (mode === 'dev') {
    const said = `dev mode: every caller on this machine is ${devRole}, without a credential`
    return log.warn({ url, database, role: devRole }, said)
  }
  switch (armed.state) {
    case 'not needed':
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
  }
}

/** Starts a server and returns once it answers. Throws ConfigError, StoreInUseError, SchemaError or ListenError. */
export async function start(config: Config, clock: Clock = systemClock): Promise<RunningServer> {
  const log = createLog(config)
  const metrics = new Metrics()
  const parts = await assemble(config, clock, metrics)
  metrics.figuresFrom(() => figuresByProject(parts))
  listen(parts, log)
  const listener = new Listener(parts, log, metrics)
  const running = new Sweeps(parts, log)
  const close = async () => {
    await running.stop()
    await parts.backups?.close()
    // A store that is not there at the end keeps nobody from ending.
    if (parts.denials.pending)
      await runSweep(parts, noteDenials).catch((error: unknown) => log.error({ error }, 'denials not noted'))
    await parts.store[Symbol.asyncDispose]()
  }
  try {
    const armed = await prepareEntrance(parts)
    // One that does not answer now is asked again; nobody of it is let in until then.
    await parts.issuers.refresh().catch((error: unknown) => log.error({ error }, 'outside issuers'))
    const url = await listener.open()
    running.start(sweeps)
    sayWhoMayCome(config, armed, log, url)
    let closed: Promise<void> | undefined
    return {
      url,
      parts,
      outdated: parts.store.outdated ?? new Promise(() => undefined),
      reload: async () => {
        listener.reload()
        await parts.tokens.keys.refresh().catch((error: unknown) => log.error({ error }, 'signing keys not read'))
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
