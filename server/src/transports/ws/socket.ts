import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { WebSocket } from 'ws'
import { runCall, runSubscription } from '../../api/pipeline.ts'
import type { Principal } from '../../domain/principal.ts'
import { authenticateCaller, clockSkewMs } from '../../guards/authenticate.ts'
import type { Connection } from '../../guards/call.ts'
import { toCoordinationError, toErrorShape } from '../../guards/errors.ts'
import { yieldToEventLoop } from '../../platform/clock.ts'
import type { QueuedInput } from '../../platform/queued-inputs.ts'
import { ReplyBudget } from '../../platform/reply-budget.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type IncomingCall, limitErrorOf } from './call-limits.ts'
import { type ClientMessage, parseClientMessages } from './client-message.ts'
import { closeCodes } from './close-codes.ts'
import {
  chunkFrames,
  type Envelope,
  errorFrame,
  pingFrame,
  pongFrame,
  reconnectFrame,
  resultFrame,
  stateFrame,
} from './frames.ts'
import type { Frame } from './handshakes.ts'
import { createLiveness, type Liveness } from './liveness.ts'
import { OpenCalls } from './open-calls.ts'
import { findOverloadedCall } from './overload-refusals.ts'
import { withReauthentication } from './re-authentication.ts'
import { ReadPause } from './read-pause.ts'
import { Refusals } from './refusals.ts'
import { SocketWriter } from './writer.ts'

/** Time before a token's expiry at which its socket gets the reconnect notice. */
const reconnectNoticeMs = 60_000

/** Time limit for subscriptions and calls to end before the reconnect notice, in milliseconds. */
const drainMs = 1_000

/** Time limit for calls to be answered before the server closes the socket, in milliseconds. */
const finishMs = 5_000

/** One open WebSocket: it receives calls, and sends replies and subscription items. */
export class Socket {
  /** The identity in it changes with `auth.renew`. */
  readonly connection: Connection
  readonly reading: ReadPause
  readonly #ws: WebSocket
  readonly #writer: SocketWriter
  readonly #openCalls: OpenCalls
  readonly #replies: ReplyBudget
  readonly #refusals: Refusals
  readonly #liveness: Liveness
  #reconnectAt: number | undefined
  /** No frame may follow a close frame, and frames received after it are ignored. */
  #closed = false

  constructor(ws: WebSocket, raw: Duplex, connection: Connection) {
    this.#ws = ws
    this.reading = new ReadPause(ws)
    this.connection = withReauthentication(connection, (principal) => this.#scheduleReconnect(principal))
    if (connection.identity.ok) this.#scheduleReconnect(connection.identity.principal)
    const { clock, config, pageSlots } = connection.services
    this.#liveness = createLiveness(clock, config.limits)
    this.#openCalls = new OpenCalls(clock)
    // Each blocking call adds a listener, and hundreds of them are legal.
    setMaxListeners(0, this.#openCalls.signal)
    this.#writer = new SocketWriter(raw, clock, config.limits, () => {
      connection.metrics.countSlowConsumer()
      this.close(closeCodes.overloaded, 'CONSUMER_TOO_SLOW')
    })
    this.#replies = new ReplyBudget(pageSlots, config.limits.socketBufferBytes, this.#writer)
    this.#refusals = new Refusals({
      connection: this.connection,
      write: (frame) => this.#write(frame),
      writeJoined: (frames) => this.#writer.writeJoined(frames),
      close: (code, reason) => this.close(code, reason),
    })
  }

  #scheduleReconnect({ expiresAt }: Principal): void {
    const left = expiresAt - this.connection.services.clock.wall()
    this.#reconnectAt = left > reconnectNoticeMs ? expiresAt - reconnectNoticeMs : undefined
  }

  /**
   * Handles a frame that `tryRefuse` has not refused; an unusable one gets an error or closes the
   * socket. Returns false if a call of it may still have work to do.
   */
  receive([data, isBinary]: Frame, arrivedAt: number): boolean {
    if (this.#closed) return true
    this.#liveness.record()
    const isDone = isBinary ? this.#refuseBinary() : this.#receiveText(data, arrivedAt)
    if (!this.#closed) this.#pauseIfCongested()
    return isDone
  }

  #refuseBinary(): boolean {
    this.close(1003, 'text only')
    return true
  }

  #receiveText(data: Buffer, arrivedAt: number): boolean {
    // Every other frame is JSON.
    const text = data.length === 4 ? data.toString('latin1') : ''
    if (text === 'PONG') this.#recordPresence()
    else if (text === 'PING') this.#write(pongFrame)
    else return this.#receiveCalls(data, this.connection.services.queuedInputs.open(data.length, arrivedAt))
    return true
  }

  /** Refuses the call of a frame for overload. Returns false if it is not refused. */
  tryRefuse([data, isBinary]: Frame, arrivedAt: number): boolean {
    if (this.#closed || isBinary) return false
    const input = this.connection.services.queuedInputs.open(data.length, arrivedAt)
    const overloaded = findOverloadedCall(this.connection, data, input)
    if (!overloaded) return false
    this.#refusals.refuseOverloaded(overloaded)
    this.#liveness.record()
    if (!this.#closed) this.#pauseIfCongested()
    return true
  }

  #receiveCalls(data: Buffer, input: QueuedInput): boolean {
    for (const incoming of this.#refusals.refuseOversizedFrame(parseClientMessages(data.toString('utf8')))) {
      this.#handle(incoming, input)
      if (this.#closed) return true
    }
    return false
  }

  /** Answers a ping. The automatic pong of `ws` does not pause for a congested socket. */
  handlePing(data: Buffer): void {
    if (this.#closed) return
    this.#liveness.record()
    this.#ws.pong(data)
    this.#pauseIfCongested()
  }

  /** Stops reading from a client that sends without reading, until it has read its backlog. */
  #pauseIfCongested(): void {
    if (!this.#writer.isCongested || this.reading.isPausedFor('congestion')) return
    this.reading.pause('congestion')
    void this.#writer.waitForDrain(this.#openCalls.signal).then(() => this.reading.resume('congestion'))
  }

  /** Aborts all open calls and subscriptions, because the socket is gone or about to close. */
  handleClose(): void {
    this.#openCalls.close()
    this.#replies.close()
  }

  /** Sends the reconnect notice. A client of tRPC then opens a new socket and hands over to it. */
  askToReconnect(): void {
    this.#write(reconnectFrame)
  }

  /**
   * Moves the client to another server: ends everything that can end, and then sends the notice.
   * Subscriptions end without a `stopped` frame, which the client would take for their final end.
   * Everything they handed out is sent ahead of the notice.
   */
  async drain(): Promise<void> {
    await this.#openCalls.drain(drainMs)
    this.askToReconnect()
  }

  waitForClose(ms: number): Promise<void> {
    return this.#openCalls.waitForClose(ms)
  }

  /** Closes the socket when every call is answered, or after `finishMs`. */
  async finishCalls(): Promise<void> {
    await this.#openCalls.finish(finishMs)
    this.close(closeCodes.restart, 'SHUTTING_DOWN')
  }

  close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.handleClose()
    this.#writer.flush()
    this.#ws.close(code, reason)
    // A client that does not read would delay the close frame without limit.
    this.connection.services.clock.timer(1_000, () => this.#ws.terminate())
  }

  /** Runs periodically: pings a silent socket, ends a dead one or one with an expired token. */
  checkLiveness(): void {
    const state = this.#liveness.check()
    if (state === 'dead') return this.#terminate()
    if (state === 'ping') this.#write(pingFrame)
    const { identity, services } = this.connection
    if (identity.ok && identity.principal.expiresAt + clockSkewMs < services.clock.wall())
      return this.close(closeCodes.unauthenticated, 'TOKEN_EXPIRED')
    if (this.#reconnectAt === undefined || services.clock.wall() < this.#reconnectAt) return
    // Sent once: a client that returns with the same token would be sent away repeatedly.
    this.#reconnectAt = undefined
    this.askToReconnect()
  }

  /** Ends a dead connection. Aborts before `close`, or items handed out by then are lost. */
  #terminate(): void {
    this.#closed = true
    this.handleClose()
    this.#ws.terminate()
  }

  #write(frame: Buffer): void {
    if (!this.#closed) this.#writer.write(frame)
  }

  #recordPresence(): void {
    const { identity, services } = this.connection
    const agent = identity.ok ? identity.principal.agent : undefined
    if (agent && identity.ok) services.presence.record(identity.principal.project, agent.id, services.now())
  }

  #handle(incoming: ClientMessage, input: QueuedInput): void {
    if (incoming.type === 'malformed') return this.#refusals.refuseMalformed(incoming)
    if (incoming.type === 'stop') return this.#openCalls.stop(incoming.id)
    const { id, jsonrpc } = incoming
    const envelope = { id, jsonrpc }
    if (incoming.kind === 'subscription') {
      // The client opens the subscription on its next socket.
      if (this.#openCalls.draining) return
      if (this.#openCalls.subscriptions.has(id))
        return this.#refusals.refuse(new CoordinationError('INVALID_INPUT', `Duplicate id ${id}`), envelope)
    }
    const limitError = limitErrorOf(incoming, this.#openCalls, this.connection.services.config.limits)
    if (limitError) return this.#refusals.refuseOverLimit(incoming.path, limitError, envelope)
    if (incoming.kind === 'subscription') void this.#subscribe(incoming, envelope)
    else void this.#call(incoming, { kind: incoming.kind, envelope, input })
  }

  async #call(
    incoming: IncomingCall,
    { kind, envelope, input }: { kind: 'query' | 'mutation'; envelope: Envelope; input: QueuedInput },
  ): Promise<void> {
    const requestId = uuidv7()
    const { signal, end: endCall } = this.#openCalls.begin(incoming.id, incoming.path, incoming.rawInput)
    const replyShare = this.#replies.openShare()
    try {
      const call = { ...incoming, connection: this.connection, requestId, kind, input, signal, replyShare }
      const result = await runCall(call)
      this.#refusals.recordSuccess()
      this.#write(resultFrame(envelope, result))
    } catch (error) {
      this.#write(errorFrame(envelope, toErrorShape(error, requestId)))
      if (toCoordinationError(error).code === 'RATE_LIMITED') this.#refusals.recordRateLimit()
    } finally {
      replyShare.release()
      endCall()
    }
  }

  async #subscribe(incoming: IncomingCall, envelope: Envelope): Promise<void> {
    const requestId = uuidv7()
    const controller = new AbortController()
    const { signal } = controller
    this.#openCalls.subscriptions.set(incoming.id, controller)
    let started = false
    try {
      const call = { ...incoming, connection: this.connection, requestId, signal }
      const chunks = runSubscription({ ...call, kind: 'subscription' })
      // The first pull runs the guards. Only an admitted subscription sends `started`.
      const first = chunks.next()
      await Promise.race([first, yieldToEventLoop()])
      this.#write(stateFrame(envelope, 'started'))
      started = true
      for (let next = await first; !next.done; next = await chunks.next()) {
        for (const frame of chunkFrames(envelope, next.value)) {
          if (this.#writer.isCongested) await this.#writer.waitForDrain(signal)
          // A handed-out item is lost to other agents, so it is sent ahead of the notice.
          if (signal.aborted && !this.#openCalls.draining) break
          this.#write(frame)
        }
        if (signal.aborted) break
        authenticateCaller(this.connection)
      }
      await chunks.return(undefined)
    } catch (error) {
      // After a close the client subscribes again; an error would end its subscription.
      if (this.connection.services.identity.revocations.isUnreadable)
        this.close(closeCodes.overloaded, 'STORE_UNAVAILABLE')
      if (!this.#openCalls.draining) this.#write(errorFrame(envelope, toErrorShape(error, requestId)))
      started = false
    } finally {
      controller.abort()
      this.#openCalls.removeSubscription(incoming.id)
    }
    if (started && !this.#openCalls.draining) this.#write(stateFrame(envelope, 'stopped'))
  }
}
