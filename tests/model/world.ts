import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@tony/mcp-client'
import { procedures, runCall } from '@tony/mcp-server/api/pipeline'
import type { Config } from '@tony/mcp-server/config'
import type { DeliveredMessage, OpenInbox } from '@tony/mcp-server/domain/messages/deliver-at-send'
import type { Principal } from '@tony/mcp-server/domain/principal'
import type { Connection } from '@tony/mcp-server/guards/call'
import { toCoordinationError } from '@tony/mcp-server/guards/errors'
import { createLog } from '@tony/mcp-server/platform/log'
import { Metrics } from '@tony/mcp-server/platform/metrics'
import { sweeps } from '@tony/mcp-server/server'
import { sweepLimit } from '@tony/mcp-server/sweeps/runner'
import { ManualClock } from '../support/clock.ts'
import { TestServer } from '../support/server.ts'
import { type Rows, rowsOf } from './rows.ts'
import type { Agent, Caller } from './state.ts'

/**
 * A clock whose timers do nothing. The world runs the sweeps of one project when the model says
 * that something is due.
 */
class QuietClock extends ManualClock {
  quiet = true

  override timer(ms: number, run: () => void): () => void {
    return super.timer(ms, () => {
      if (!this.quiet) run()
    })
  }
}

/**
 * The path of calls to the server: a real socket, or the same pipeline without one, which is many
 * times faster.
 */
export type Way = 'client' | 'pipeline'

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly details: unknown }

export interface StoredEvent {
  readonly seq: number
  readonly at: number
  readonly type: string
  readonly subject: string | null
  readonly actor: string | null
  readonly data: string
}

/** The registration of an agent in a run. */
export type Registration = Pick<Agent, 'name' | 'role' | 'capabilities'>

const passedOver = new Set(['record-presence', 'delete-idempotency-keys'])

const refusalOf = (error: unknown): Outcome => {
  if (error instanceof Error && 'applied' in error && 'code' in error)
    return { ok: false, code: String(error.code), details: 'details' in error ? error.details : undefined }
  const { code, details } = toCoordinationError(error)
  if (code === 'INTERNAL') throw error
  return { ok: false, code, details }
}

/** One server that many runs share, each in a project of its own. */
export class Site implements AsyncDisposable {
  readonly server: TestServer
  readonly clock: QuietClock
  readonly stored: Rows
  /** The numbers of successful and refused calls of each procedure. */
  readonly tally = new Map<string, { ok: number; refused: number }>()
  readonly #folder: string
  #projects = 0

  private constructor(folder: string, server: TestServer, { clock, stored }: Pick<Site, 'clock' | 'stored'>) {
    this.#folder = folder
    this.server = server
    this.clock = clock
    this.stored = stored
  }

  static async open(config: Partial<Config> = {}, postgres?: { readonly url: string }): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'tony-model-'))
    const clock = new QuietClock()
    const server = await TestServer.start({
      folder,
      clock,
      ...(postgres && { postgres }),
      config: { durability: 'process', ...config },
    })
    return new Site(folder, server, { clock, stored: await rowsOf(server.parts.config) })
  }

  /** Creates a project with these agents. */
  async begin(way: Way, registrations: readonly Registration[]): Promise<World> {
    this.#projects += 1
    const name = `run ${this.#projects}`
    const connection = {
      services: this.server.parts,
      log: createLog(this.server.parts.config),
      metrics: new Metrics(),
      transport: 'ws',
    } as const
    const [home] = await this.stored.read<{ id: string }>("select id from projects where name = 'default'")
    const admin: Principal = { ...developer, project: home?.id ?? '', role: 'admin' }
    const created = await this.#call({ ...connection, identity: { ok: true, principal: admin } }, 'projects.create', {
      name,
    })
    if (!hasId(created)) throw new Error('no project')
    const world = new World(this, way, { id: created.id, name }, connection)
    for (const registration of registrations) await world.register(registration)
    return world
  }

  async #call(connection: Connection, path: string, rawInput: unknown): Promise<unknown> {
    return runCall({ connection, requestId: 'model', path, kind: 'mutation', rawInput, signal: never })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stored[Symbol.asyncDispose]()
    this.clock.quiet = false
    await this.server[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const never = new AbortController().signal

const hasId = (value: unknown): value is { id: string } =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'

const developer: Principal = {
  subject: 'developer',
  project: '',
  role: 'tech-lead',
  capabilities: [],
  agent: undefined,
  expiresAt: Number.POSITIVE_INFINITY,
}

/** One project of the server, with its callers. */
export class World implements Disposable {
  readonly site: Site
  readonly project: string
  readonly agents: Agent[] = []
  /** The number of compared events. */
  seen = 0
  readonly tokens = new Map<Agent, string>()
  /** The messages that sends have delivered, by their ids. */
  readonly pushed = new Map<string, DeliveredMessage>()
  #closeInbox: () => void = () => undefined
  readonly #way: Way
  readonly #name: string
  readonly #parts: Omit<Connection, 'identity'>
  readonly #clients = new Map<Caller, Client>()
  readonly #principals = new Map<Caller, Principal>()

  constructor(site: Site, way: Way, project: { id: string; name: string }, parts: Omit<Connection, 'identity'>) {
    this.site = site
    this.#way = way
    this.project = project.id
    this.#name = project.name
    this.#parts = parts
    this.#principals.set(undefined, { ...developer, project: project.id })
    if (way === 'client') this.#clients.set(undefined, this.#connect({ project: project.name }))
  }

  get now(): number {
    return this.site.server.parts.now()
  }

  /** Returns a client of this project, for calls that need a socket. */
  connect(caller: Caller): Client {
    const token = caller && this.tokens.get(caller)
    return this.#connect(token === undefined ? { project: this.#name } : { token })
  }

  #connect(who: { token: string } | { project: string }): Client {
    return createClient({ url: this.site.server.url, deadlineMs: 60_000, ...who })
  }

  async register(registration: Registration): Promise<void> {
    const { name, role, capabilities } = registration
    const reply = await this.call(undefined, 'agents.register', { name, type: 'worker', role, capabilities })
    if (!reply.ok || !isRegistration(reply.value)) throw new Error(`not registered: ${JSON.stringify(reply)}`)
    const { agentId: id, token, incarnation } = reply.value
    const agent: Agent = { ...registration, id, paused: false, draining: false }
    this.agents.push(agent)
    this.tokens.set(agent, token)
    const principal = { ...developer, subject: id, project: this.project, role, capabilities }
    this.#principals.set(agent, { ...principal, agent: { id, name, incarnation } })
    if (this.#way === 'client') this.#clients.set(agent, this.#connect({ token }))
  }

  /** Opens the inbox of an agent, in the form in which sends see a subscription that waits. */
  async openInbox(inbox: Pick<OpenInbox, 'maxAckPending' | 'ackWaitMs'> & { readonly agent: Agent }): Promise<void> {
    const { agent, ...options } = inbox
    const { id: agentId } = agent
    const sessions = await this.rows<{ id: string; agentId: string }>(
      'select id, agent_id as "agentId" from sessions where project_id = ?',
    )
    const sessionId = sessions.find((session) => session.agentId === agentId)?.id ?? ''
    const { inboxes } = this.site.server.parts.waiters
    this.#closeInbox = inboxes.watch(agentId, () => undefined, {
      ...options,
      agentId,
      session: { sessionId, agentId, incarnation: 1 },
      isWaiting: true,
      expect: () => undefined,
      push: (message) => this.pushed.set(message.id, message),
    })
  }

  async call(caller: Caller, path: string, input: object): Promise<Outcome> {
    const count = this.site.tally.get(path) ?? { ok: 0, refused: 0 }
    this.site.tally.set(path, count)
    try {
      const value = await this.#send(caller, path, input)
      count.ok += 1
      return { ok: true, value }
    } catch (error) {
      count.refused += 1
      return refusalOf(error)
    }
  }

  #send(caller: Caller, path: string, input: object): Promise<unknown> {
    const client = this.#clients.get(caller)
    if (client) {
      const run = path.split('.').reduce<unknown>((from, name) => Reflect.get(Object(from), name), client)
      if (typeof run !== 'function') throw new Error(`the client has no ${path}`)
      return run(input)
    }
    const principal = this.#principals.get(caller)
    if (!principal) throw new Error('a caller nobody knows')
    const connection: Connection = { ...this.#parts, identity: { ok: true, principal } }
    const kind = procedures.get(path)?.kind ?? 'query'
    return runCall({ connection, requestId: 'model', path, kind, rawInput: input, signal: never })
  }

  /** Advances the clock without a sweep. */
  pass(ms: number): void {
    this.site.clock.advance(ms)
  }

  /** Runs the sweeps of this project twice, because one sweep may leave work to another. */
  async sweep(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      for (const sweep of sweeps) {
        if (passedOver.has(sweep.name)) continue
        while ((await sweep.batch(this.site.server.parts, this.project, new AbortController().signal)) >= sweepLimit);
      }
    }
  }

  /** Reads stored rows without the server. */
  rows<Row>(query: string): Promise<Row[]> {
    return this.site.stored.read<Row>(query, this.project)
  }

  /** Returns the events that have not been compared yet. */
  events(): Promise<StoredEvent[]> {
    return this.site.stored.read<StoredEvent>(
      'select seq, at, type, subject, actor, data from event_log where project_id = ? and seq > ? order by seq',
      this.project,
      this.seen,
    )
  }

  [Symbol.dispose](): void {
    this.#closeInbox()
    for (const client of this.#clients.values()) client.close()
  }
}

const isRegistration = (value: unknown): value is { agentId: string; token: string; incarnation: number } =>
  typeof value === 'object' && value !== null && 'agentId' in value && 'token' in value
