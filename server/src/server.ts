import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Presence } from './agents/presence.ts'
import { Tokens } from './auth/tokens.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Config, ConfigError } from './config.ts'
import type { Parts } from './context.ts'
import { Streams } from './events/streams.ts'
import { currentIncarnations, Incarnations } from './guards/incarnations.ts'
import { LeaseTokens } from './leases/token.ts'
import { createLog, type Log } from './log.ts'
import { Inboxes } from './messages/inboxes.ts'
import { Metrics } from './metrics.ts'
import { Replies } from './requests/replies.ts'
import { openStore } from './store/open.ts'
import type { Wake } from './store/store.ts'
import { Listener } from './surfaces/listener.ts'
import { ageTasks } from './sweeps/age-tasks.ts'
import { expireLeases } from './sweeps/expire-leases.ts'
import { expireMessages } from './sweeps/expire-messages.ts'
import { forgetKeys } from './sweeps/forget-keys.ts'
import { notePresence } from './sweeps/note-presence.ts'
import { promoteDue } from './sweeps/promote-due.ts'
import { redeliver } from './sweeps/redeliver.ts'
import { Sweeps } from './sweeps/runner.ts'
import { timeOut } from './sweeps/time-out.ts'
import { timeOutRequests } from './sweeps/time-out-requests.ts'
import { unparkFreed } from './sweeps/unpark.ts'
import { figuresByProject } from './system/metrics.ts'
import { Held } from './tasks/held.ts'
import { Queue } from './tasks/queue.ts'
import { Routes } from './tasks/routes.ts'

export const sweeps = [
  expireLeases,
  timeOut,
  expireMessages,
  promoteDue,
  unparkFreed,
  ageTasks,
  redeliver,
  timeOutRequests,
  notePresence,
  forgetKeys,
] as const

/** A running server. Disposing it drains: no new callers, what was accepted is committed, the file is released. */
export interface RunningServer extends AsyncDisposable {
  /** Where callers reach it: `http://host:port`. */
  readonly url: string
  readonly parts: Parts
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
      case 'epoch':
        return parts.streams.restart()
      case 'events':
        parts.streams.wake(wake.project)?.catch((error: unknown) => log.error({ error }, 'feed not read'))
        return undefined
    }
  })
}

/** A database as the log names it: without the password. */
function nameOf({ database, postgres }: Config): string {
  if (!postgres) return database
  const { host, pathname } = new URL(postgres.url)
  return `postgres://${host}${pathname}`
}

async function assemble(config: Config, clock: Clock): Promise<Parts> {
  if (!config.postgres) mkdirSync(dirname(config.database), { recursive: true })
  const store = await openStore(config, clock)
  const keyFile = join(dirname(config.database), `${config.database.split('/').at(-1)}.key`)
  // Replicas must know each other's tokens, and share nothing but the database.
  const tokens = config.postgres ? await Tokens.derived(store.secret, clock) : await Tokens.open(keyFile, clock)
  return {
    config,
    clock,
    store,
    tokens,
    streams: new Streams(store),
    queue: new Queue(),
    routes: new Routes(),
    held: new Held(),
    leaseTokens: new LeaseTokens(store.secret),
    inboxes: new Inboxes(),
    replies: new Replies(),
    presence: new Presence(),
    incarnations: new Incarnations(await store.read(currentIncarnations)),
    startedAt: clock.monotonic(),
    now: store.now,
  }
}

/** Starts a server and returns once it answers. Throws ConfigError, StoreInUseError, SchemaError or ListenError. */
export async function start(config: Config, clock: Clock = systemClock): Promise<RunningServer> {
  if (config.mode === 'serve') {
    throw new ConfigError(
      'serve needs authentication, which this version does not have yet: it would let anyone in. Use dev mode on this machine: tony-mcp dev',
    )
  }
  const log = createLog(config)
  const metrics = new Metrics()
  const parts = await assemble(config, clock)
  metrics.figuresFrom(() => figuresByProject(parts))
  listen(parts, log)
  const listener = new Listener(parts, log, metrics)
  const running = new Sweeps(parts, log)
  const close = async () => {
    await running.stop()
    await parts.store[Symbol.asyncDispose]()
  }
  try {
    const url = await listener.open()
    running.start(sweeps)
    log.warn(
      { url, database: nameOf(config), role: config.devRole },
      `dev mode: every caller on this machine is ${config.devRole}, without a credential`,
    )
    return {
      url,
      parts,
      [Symbol.asyncDispose]: async () => {
        await listener.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
