import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from 'uuidv7'
import type { WebSocket } from 'ws'
import { runCall, runSubscription } from '../../api/pipeline.ts'
import type { Principal } from '../../domain/principal.ts'
import { currentPrincipal, leewayMs } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError, toErrorShape } from '../../guards/errors.ts'
import { yieldToEventLoop } from '../../platform/clock.ts'
import {
  type AbuseDetector,
  createAbuseDetector,
  createMalformedFrameCounter,
  type MalformedFrameCounter,
} from './abuse-detection.ts'
import { callLimitError, refuseFrame } from './call-limits.ts'
import { type ClientMessage, parseClientMessages } from './client-message.ts'
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
import { OpenCalls } from './open-calls.ts'
import { withReauthentication } from './re-authentication.ts'
import { SocketWriter } from './writer.ts'

/** So long before its token ends, a socket that was not renewed is asked to come again with a newer one. */
const reconnectNoticeMs = 60_000

/** How long what does not wait is waited for before its client is told to move, in milliseconds. */
const drainMs = 1_000

/** How long what was called is waited for when the server ends, in milliseconds. */
const finishMs = 5_000

/** One open WebSocket: calls in, answers and subscriptions out. */
export class Socket {
  /** Its identity is a newer one after `auth.renew`. */
  readonly connection: Connection
  readonly #ws: WebSocket
  readonly #writer: SocketWriter
  readonly #openCalls: OpenCalls
  readonly #malformedFrames: MalformedFrameCounter
  #lastReceivedAt: number
  #pingedAt: number | undefined
  #reconnectAt: number | undefined
  readonly #abuseDetector: AbuseDetector
  /** Nothing may follow a close frame, and nothing is taken after one. */
  #closed = false

  constructor(ws: WebSocket, raw: Duplex, connection: Connection) {
    this.#ws = ws
    this.connection = withReauthentication(connection, (principal) => this.#scheduleReconnect(principal))
    if (connection.identity.ok) this.#scheduleReconnect(connection.identity.principal)
    const { clock, config } = connection.services
    this.#lastReceivedAt = clock.monotonic()
    this.#openCalls = new OpenCalls(clock)
    this.#malformedFrames = createMalformedFrameCounter(clock)
    this.#abuseDetector = createAbuseDetector(clock, config.limits.floodMs)
    // Each blocking call listens on it: hundreds are legal.
    setMaxListeners(0, this.#openCalls.signal)
    this.#writer = new SocketWriter(raw, clock, config.limits, () => {
      connection.metrics.countSlowConsumer()
      this.close(closeCodes.overloaded, 'CONSUMER_TOO_SLOW')
    })
  }

  #scheduleReconnect({ expiresAt }: Principal): void {
    const left = expiresAt - this.connection.services.clock.wall()
    this.#reconnectAt = left > reconnectNoticeMs ? expiresAt - reconnectNoticeMs : undefined
  }

  /** A frame from the client. Whatever it holds, the answer is an error of the closed list or a close code. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return
    this.#recordActivity()
    if (isBinary) return this.close(1003, 'text only')
    const text = data.toString('utf8')
    if (text === 'PONG') return this.#recordPresence()
    if (text === 'PING') this.#write(pongFrame)
    else {
      for (const incoming of this.#refuseOversizedFrame(parseClientMessages(text))) {
        this.#handle(incoming)
        if (this.#closed) return
      }
    }
    this.#pauseIfCongested()
  }

  /** What a frame holds. Of one with too many calls they are refused together, and it counts as one that cannot be used. */
  #refuseOversizedFrame(all: readonly ClientMessage[]): readonly ClientMessage[] {
    const calls = all.filter((incoming) => incoming.type === 'call')
    const { frameCalls } = this.connection.services.config.limits
    if (calls.length <= frameCalls) return all
    this.#write(refuseFrame(calls, frameCalls))
    if (this.#malformedFrames.record()) this.close(closeCodes.malformed, 'too many malformed frames')
    return all.filter(({ type }) => type !== 'call')
  }

  /** One call or subscription more than there may be. It costs what a call costs, or nothing would slow down who goes on so. */
  #refuseOverLimit(noun: string, limit: number, envelope: Envelope): void {
    const rateError = this.connection.services.identity.rateLimiter.tryConsume(this.connection, 1)
    this.refuse(rateError ?? callLimitError(noun, limit), envelope)
    if (rateError && this.#abuseDetector.recordRefusal()) this.close(closeCodes.flooding, 'RATE_LIMITED')
  }

  /** A ping of the WebSocket protocol. Answered here: by itself `ws` answers without looking at what is still unread. */
  handlePing(data: Buffer): void {
    if (this.#closed) return
    this.#recordActivity()
    this.#ws.pong(data)
    this.#pauseIfCongested()
  }

  #recordActivity(): void {
    this.#lastReceivedAt = this.connection.services.clock.monotonic()
    this.#pingedAt = undefined
  }

  /** A client that sends and does not read: no more is taken from it until it has read. */
  #pauseIfCongested(): void {
    if (!this.#writer.isCongested || this.#ws.isPaused) return
    this.#ws.pause()
    void this.#writer.waitForDrain(this.#openCalls.signal).then(() => this.#ws.resume())
  }

  /** The socket is gone, or goes now: nothing it asked for is worth going on with. */
  handleClose(): void {
    this.#openCalls.close()
  }

  /** Says that it is time to move, and to where it was already going: tRPC's clients open a new socket and hand over. */
  askToReconnect(): void {
    this.#write(reconnectFrame)
  }

  /**
   * Sends its client to another server: first what can be brought to an end is, then comes the notice. Subscriptions end
   * without a word, or the client would take them for over; all they handed out is on its way ahead of the notice.
   */
  async drain(): Promise<void> {
    await this.#openCalls.drain(drainMs)
    this.askToReconnect()
  }

  /** Settles when the socket is gone, or after `ms`. */
  waitForClose(ms: number): Promise<void> {
    return this.#openCalls.waitForClose(ms)
  }

  /** Closes it once everything called is answered, which is not waited for long. */
  async finishCalls(): Promise<void> {
    await this.#openCalls.finish(finishMs)
    this.close(closeCodes.restart, 'SHUTTING_DOWN')
  }

  close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.handleClose()
    this.#ws.close(code, reason)
    // One that does not read would keep its close frame waiting for ever.
    this.connection.services.clock.timer(1_000, () => this.#ws.terminate())
  }

  /** Regularly: pings a silent socket, ends a dead one and one whose credential has ended. */
  checkLiveness(): void {
    const { clock, config } = this.connection.services
    const now = clock.monotonic()
    // Since the ping, not since it was last heard: after a pause of this process everyone has been silent.
    if (this.#pingedAt === undefined && now - this.#lastReceivedAt > config.limits.pingMs) {
      this.#pingedAt = now
      this.#write(pingFrame)
    } else if (this.#pingedAt !== undefined && now - this.#pingedAt >= config.limits.pongMs) return this.#terminate()
    const { identity } = this.connection
    if (identity.ok && identity.principal.expiresAt + leewayMs < clock.wall())
      return this.close(closeCodes.unauthenticated, 'TOKEN_EXPIRED')
    if (this.#reconnectAt === undefined || clock.wall() < this.#reconnectAt) return
    // Said once: a client that comes back with the same token would otherwise be sent away over and over.
    this.#reconnectAt = undefined
    this.askToReconnect()
  }

  /** Nobody is there. At once, before the socket says `close`: what is handed out in between would be lost to others. */
  #terminate(): void {
    this.#closed = true
    this.handleClose()
    this.#ws.terminate()
  }

  refuse(error: unknown, envelope: Envelope = { id: null, jsonrpc: undefined }): void {
    this.#write(errorFrame(envelope, toErrorShape(error, uuidv7())))
  }

  #write(frame: Buffer): void {
    if (!this.#closed) this.#writer.write(frame)
  }

  #recordPresence(): void {
    const { identity, services } = this.connection
    const agent = identity.ok ? identity.principal.agent : undefined
    if (agent && identity.ok) services.presence.record(identity.principal.project, agent.id, services.now())
  }

  #handle(incoming: ClientMessage): void {
    if (incoming.type === 'malformed') return this.#countMalformed(incoming)
    if (incoming.type === 'stop') return this.#openCalls.stop(incoming.id)
    const { id, jsonrpc } = incoming
    const envelope = { id, jsonrpc }
    const { limits } = this.connection.services.config
    if (incoming.kind === 'subscription') {
      // Its client opens it where it goes.
      if (this.#openCalls.draining) return
      if (this.#openCalls.subscriptions.has(id))
        return this.refuse(new CoordinationError('INVALID_INPUT', `Duplicate id ${id}`), envelope)
      // Those that were stopped do not count while they end.
      const open = [...this.#openCalls.subscriptions.values()].filter(({ signal }) => !signal.aborted).length
      if (open >= limits.subscriptions) return this.#refuseOverLimit('subscriptions', limits.subscriptions, envelope)
      void this.#subscribe(incoming, envelope)
      return
    }
    if (this.#openCalls.inFlight >= limits.callsInFlight)
      return this.#refuseOverLimit('calls in flight', limits.callsInFlight, envelope)
    void this.#call(incoming, incoming.kind, envelope)
  }

  #countMalformed({ envelope, reason: why }: Extract<ClientMessage, { type: 'malformed' }>): void {
    this.refuse(new CoordinationError('INVALID_INPUT', why), envelope)
    if (this.#malformedFrames.record()) this.close(closeCodes.malformed, 'too many malformed frames')
  }

  async #call(
    incoming: Extract<ClientMessage, { type: 'call' }>,
    kind: 'query' | 'mutation',
    envelope: Envelope,
  ): Promise<void> {
    const requestId = uuidv7()
    const { id, path, rawInput } = incoming
    const { signal, end: over } = this.#openCalls.begin(id, path, rawInput)
    try {
      const result = await runCall({ connection: this.connection, requestId, path, kind, rawInput, signal })
      this.#abuseDetector.recordSuccess()
      this.#write(resultFrame(envelope, result))
    } catch (error) {
      this.#write(errorFrame(envelope, toErrorShape(error, requestId)))
      if (toCoordinationError(error).code === 'RATE_LIMITED' && this.#abuseDetector.recordRefusal())
        this.close(closeCodes.flooding, 'RATE_LIMITED')
    } finally {
      over()
    }
  }

  async #subscribe(incoming: Extract<ClientMessage, { type: 'call' }>, envelope: Envelope): Promise<void> {
    const requestId = uuidv7()
    const { id, path, rawInput } = incoming
    const controller = new AbortController()
    const { signal } = controller
    this.#openCalls.subscriptions.set(id, controller)
    let started = false
    try {
      const { connection } = this
      const chunks = runSubscription({ connection, requestId, path, kind: 'subscription', rawInput, signal })
      // Admitted by the first pull; `started` is said before what that brings, and a refusal without it.
      const first = chunks.next()
      await Promise.race([first, yieldToEventLoop()])
      this.#write(stateFrame(envelope, 'started'))
      started = true
      for (let next = await first; !next.done; next = await chunks.next()) {
        for (const item of next.value) {
          if (this.#writer.isCongested) await this.#writer.waitForDrain(signal)
          // What was handed out is lost to others: it goes out before the notice does.
          if (signal.aborted && !this.#openCalls.draining) break
          this.#write(itemFrame(envelope, item))
        }
        if (signal.aborted) break
        currentPrincipal(this.connection)
      }
      await chunks.return(undefined)
    } catch (error) {
      // Told on the next socket, where it can be seen, and nobody has to ask again.
      if (this.connection.services.identity.revocations.isUnreadable)
        this.close(closeCodes.overloaded, 'STORE_UNAVAILABLE')
      if (!this.#openCalls.draining) this.#write(errorFrame(envelope, toErrorShape(error, requestId)))
      started = false
    } finally {
      controller.abort()
      this.#openCalls.removeSubscription(id)
    }
    if (started && !this.#openCalls.draining) this.#write(stateFrame(envelope, 'stopped'))
  }
}
