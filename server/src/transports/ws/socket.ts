import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import type { WebSocket } from 'ws'
import { runCall, runSubscription } from '../../api/pipeline.ts'
import type { Principal } from '../../domain/principal.ts'
import { currentPrincipal, leewayMs } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { errorShape, toCoordinationError } from '../../guards/errors.ts'
import { nextTurn } from '../../platform/clock.ts'
import { type FloodWatch, floodWatch, type MalformedWatch, malformedWatch } from './abuse-detection.ts'
import { refuseFrame, tooMany } from './call-limits.ts'
import { closeCodes } from './close-codes.ts'
import {
  type Envelope,
  errorFrame,
  itemFrame,
  pingFrame,
  pongFrame,
  reconnectFrame,
  resultFrame,
  stateFrame,
} from './frames.ts'
import { type Incoming, parseIncoming } from './incoming.ts'
import { OpenCalls } from './open-calls.ts'
import { renewable } from './re-authentication.ts'
import { SocketWriter } from './writer.ts'

/** So long before its token ends, a socket that was not renewed is asked to come again with a newer one. */
const noticeMs = 60_000

/** How long what does not wait is waited for before its client is told to move, in milliseconds. */
const settleMs = 1_000

/** How long what was called is waited for when the server ends, in milliseconds. */
const finishMs = 5_000

/** One open WebSocket: calls in, answers and subscriptions out. */
export class Socket {
  /** Its identity is a newer one after `auth.renew`. */
  readonly connection: Connection
  readonly #ws: WebSocket
  readonly #writer: SocketWriter
  readonly #open: OpenCalls
  readonly #malformed: MalformedWatch
  #lastHeard: number
  #pingedAt: number | undefined
  #noticeAt: number | undefined
  readonly #flood: FloodWatch
  /** Nothing may follow a close frame, and nothing is taken after one. */
  #closed = false

  constructor(ws: WebSocket, raw: Duplex, connection: Connection) {
    this.#ws = ws
    this.connection = renewable(connection, (principal) => this.#noticeOf(principal))
    if (connection.identity.ok) this.#noticeOf(connection.identity.principal)
    const { clock, config } = connection.parts
    this.#lastHeard = clock.monotonic()
    this.#open = new OpenCalls(clock)
    this.#malformed = malformedWatch(clock)
    this.#flood = floodWatch(clock, config.limits.floodMs)
    // Each blocking call listens on it: hundreds are legal.
    setMaxListeners(0, this.#open.signal)
    this.#writer = new SocketWriter(raw, clock, config.limits, () => {
      connection.metrics.slowConsumer()
      this.close(closeCodes.overloaded, 'CONSUMER_TOO_SLOW')
    })
  }

  #noticeOf({ expiresAt }: Principal): void {
    const left = expiresAt - this.connection.parts.clock.wall()
    this.#noticeAt = left > noticeMs ? expiresAt - noticeMs : undefined
  }

  /** A frame from the client. Whatever it holds, the answer is an error of the closed list or a close code. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return
    this.#heard()
    if (isBinary) return this.close(1003, 'text only')
    const text = data.toString('utf8')
    if (text === 'PONG') return this.#noteLife()
    if (text === 'PING') this.#write(pongFrame)
    else {
      for (const incoming of this.#admitted(parseIncoming(text))) {
        this.#handle(incoming)
        if (this.#closed) return
      }
    }
    this.#pauseIfUnread()
  }

  /** What a frame holds. Of one with too many calls they are refused together, and it counts as one that cannot be used. */
  #admitted(all: readonly Incoming[]): readonly Incoming[] {
    const calls = all.filter((incoming) => incoming.type === 'call')
    const { frameCalls } = this.connection.parts.config.limits
    if (calls.length <= frameCalls) return all
    this.#write(refuseFrame(calls, frameCalls))
    if (this.#malformed.tooMany()) this.close(closeCodes.malformed, 'too many malformed frames')
    return all.filter(({ type }) => type !== 'call')
  }

  /** One call or subscription more than there may be. It costs what a call costs, or nothing would slow down who goes on so. */
  #refuseMore(what: string, limit: number, envelope: Envelope): void {
    const spent = this.connection.parts.rates.refusal(this.connection, 1)
    this.refuse(spent ?? tooMany(what, limit), envelope)
    if (spent && this.#flood.goesOn()) this.close(closeCodes.flooding, 'RATE_LIMITED')
  }

  /** A ping of the WebSocket protocol. Answered here: by itself `ws` answers without looking at what is still unread. */
  pinged(data: Buffer): void {
    if (this.#closed) return
    this.#heard()
    this.#ws.pong(data)
    this.#pauseIfUnread()
  }

  #heard(): void {
    this.#lastHeard = this.connection.parts.clock.monotonic()
    this.#pingedAt = undefined
  }

  /** A client that sends and does not read: no more is taken from it until it has read. */
  #pauseIfUnread(): void {
    if (!this.#writer.congested || this.#ws.isPaused) return
    this.#ws.pause()
    void this.#writer.drained(this.#open.signal).then(() => this.#ws.resume())
  }

  /** The socket is gone, or goes now: nothing it asked for is worth going on with. */
  ended(): void {
    this.#open.abandon()
  }

  /** Says that it is time to move, and to where it was already going: tRPC's clients open a new socket and hand over. */
  askToReconnect(): void {
    this.#write(reconnectFrame)
  }

  /**
   * Sends its client to another server: first what can be brought to an end is, then comes the notice. Subscriptions end
   * without a word, or the client would take them for over; all they handed out is on its way ahead of the notice.
   */
  async sendAway(): Promise<void> {
    await this.#open.handOver(settleMs)
    this.askToReconnect()
  }

  /** Settles when the socket is gone, or after `ms`. */
  goneWithin(ms: number): Promise<void> {
    return this.#open.goneWithin(ms)
  }

  /** Closes it once everything called is answered, which is not waited for long. */
  async finish(): Promise<void> {
    await this.#open.finish(finishMs)
    this.close(closeCodes.restart, 'SHUTTING_DOWN')
  }

  close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.ended()
    this.#ws.close(code, reason)
    // One that does not read would keep its close frame waiting for ever.
    this.connection.parts.clock.timer(1_000, () => this.#ws.terminate())
  }

  /** Regularly: pings a silent socket, ends a dead one and one whose credential has ended. */
  tend(): void {
    const { clock, config } = this.connection.parts
    const now = clock.monotonic()
    // Since the ping, not since it was last heard: after a pause of this process everyone has been silent.
    if (this.#pingedAt === undefined && now - this.#lastHeard > config.limits.pingMs) {
      this.#pingedAt = now
      this.#write(pingFrame)
    } else if (this.#pingedAt !== undefined && now - this.#pingedAt >= config.limits.pongMs) return this.#abandon()
    const { identity } = this.connection
    if (identity.ok && identity.principal.expiresAt + leewayMs < clock.wall())
      return this.close(closeCodes.unauthenticated, 'TOKEN_EXPIRED')
    if (this.#noticeAt === undefined || clock.wall() < this.#noticeAt) return
    // Said once: a client that comes back with the same token would otherwise be sent away over and over.
    this.#noticeAt = undefined
    this.askToReconnect()
  }

  /** Nobody is there. At once, before the socket says `close`: what is handed out in between would be lost to others. */
  #abandon(): void {
    this.#closed = true
    this.ended()
    this.#ws.terminate()
  }

  refuse(error: unknown, envelope: Envelope = { id: null, jsonrpc: undefined }): void {
    this.#write(errorFrame(envelope, errorShape(error, uuidv7())))
  }

  #write(frame: Buffer): void {
    if (!this.#closed) this.#writer.write(frame)
  }

  #noteLife(): void {
    const { identity, parts } = this.connection
    const agent = identity.ok ? identity.principal.agent : undefined
    if (agent && identity.ok) parts.presence.note(identity.principal.project, agent.id, parts.now())
  }

  #handle(incoming: Incoming): void {
    if (incoming.type === 'malformed') return this.#countMalformed(incoming)
    if (incoming.type === 'stop') return this.#open.stop(incoming.id)
    const { id, jsonrpc } = incoming
    const envelope = { id, jsonrpc }
    const { limits } = this.connection.parts.config
    if (incoming.kind === 'subscription') {
      // Its client opens it where it goes.
      if (this.#open.leaving) return
      if (this.#open.subscriptions.has(id))
        return this.refuse(new CoordinationError('INVALID_INPUT', `Duplicate id ${id}`), envelope)
      // Those that were stopped do not count while they end.
      const open = [...this.#open.subscriptions.values()].filter(({ signal }) => !signal.aborted).length
      if (open >= limits.subscriptions) return this.#refuseMore('subscriptions', limits.subscriptions, envelope)
      void this.#subscribe(incoming, envelope)
      return
    }
    if (this.#open.inFlight >= limits.callsInFlight)
      return this.#refuseMore('calls in flight', limits.callsInFlight, envelope)
    void this.#call(incoming, incoming.kind, envelope)
  }

  #countMalformed({ envelope, why }: Extract<Incoming, { type: 'malformed' }>): void {
    this.refuse(new CoordinationError('INVALID_INPUT', why), envelope)
    if (this.#malformed.tooMany()) this.close(closeCodes.malformed, 'too many malformed frames')
  }

  async #call(
    incoming: Extract<Incoming, { type: 'call' }>,
    kind: 'query' | 'mutation',
    envelope: Envelope,
  ): Promise<void> {
    const requestId = uuidv7()
    const { id, path, rawInput } = incoming
    const { signal, over } = this.#open.begin(id, path, rawInput)
    try {
      const result = await runCall({ connection: this.connection, requestId, path, kind, rawInput, signal })
      this.#flood.admitted()
      this.#write(resultFrame(envelope, result))
    } catch (error) {
      this.#write(errorFrame(envelope, errorShape(error, requestId)))
      if (toCoordinationError(error).code === 'RATE_LIMITED' && this.#flood.goesOn())
        this.close(closeCodes.flooding, 'RATE_LIMITED')
    } finally {
      over()
    }
  }

  async #subscribe(incoming: Extract<Incoming, { type: 'call' }>, envelope: Envelope): Promise<void> {
    const requestId = uuidv7()
    const { id, path, rawInput } = incoming
    const controller = new AbortController()
    const { signal } = controller
    this.#open.subscriptions.set(id, controller)
    let started = false
    try {
      const chunks = runSubscription({
        connection: this.connection,
        requestId,
        path,
        kind: 'subscription',
        rawInput,
        signal,
      })
      // Admitted by the first pull; `started` is said before what that brings, and a refusal without it.
      const first = chunks.next()
      await Promise.race([first, nextTurn()])
      this.#write(stateFrame(envelope, 'started'))
      started = true
      for (let next = await first; !next.done; next = await chunks.next()) {
        for (const thing of next.value) {
          if (this.#writer.congested) await this.#writer.drained(signal)
          // What was handed out is lost to others: it goes out before the notice does.
          if (signal.aborted && !this.#open.leaving) break
          this.#write(itemFrame(envelope, thing))
        }
        if (signal.aborted) break
        currentPrincipal(this.connection)
      }
      await chunks.return(undefined)
    } catch (error) {
      // Told on the next socket, where it can be seen, and nobody has to ask again.
      if (this.connection.parts.revocations.blind) this.close(closeCodes.overloaded, 'STORE_UNAVAILABLE')
      if (!this.#open.leaving) this.#write(errorFrame(envelope, errorShape(error, requestId)))
      started = false
    } finally {
      controller.abort()
      this.#open.ended(id)
    }
    if (started && !this.#open.leaving) this.#write(stateFrame(envelope, 'stopped'))
  }
}
