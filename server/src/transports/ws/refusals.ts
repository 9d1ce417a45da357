import { CoordinationError } from '@tony/mcp-shared/errors'
import { metricLabelOf, procedures } from '../../api/pipeline.ts'
import type { Connection } from '../../guards/call.ts'
import { toErrorShape } from '../../guards/errors.ts'
import { countLimitRefusal } from '../../guards/observe.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import {
  type AbuseDetector,
  createAbuseDetector,
  createMalformedFrameCounter,
  type MalformedFrameCounter,
} from './abuse-detection.ts'
import { refusalFramesOf } from './call-limits.ts'
import type { ClientMessage } from './client-message.ts'
import { closeCodes } from './close-codes.ts'
import { type Envelope, errorFrame } from './frames.ts'
import { type OverloadedCall, overloadFrame } from './overload-refusals.ts'

interface RefusalsOptions {
  readonly connection: Connection
  readonly write: (frame: Buffer) => void
  /** Writes frames that are given as text of Latin-1. */
  readonly writeJoined: (frames: string) => void
  readonly close: (code: number, reason: string) => void
}

/**
 * Refuses the calls of one socket that do not reach the guards, and closes the socket if there are
 * too many of them.
 */
export class Refusals {
  readonly #options: RefusalsOptions
  readonly #malformedFrames: MalformedFrameCounter
  readonly #abuseDetector: AbuseDetector

  constructor(options: RefusalsOptions) {
    this.#options = options
    const { clock, config } = options.connection.services
    this.#malformedFrames = createMalformedFrameCounter(clock)
    this.#abuseDetector = createAbuseDetector(clock, config.limits.abuseMs)
  }

  refuse(error: unknown, envelope: Envelope): void {
    this.#options.write(errorFrame(envelope, toErrorShape(error, uuidv7())))
  }

  /** Returns a frame's messages. If it has too many calls, all calls are refused. */
  refuseOversizedFrame(all: readonly ClientMessage[]): readonly ClientMessage[] {
    const calls = all.filter((incoming) => incoming.type === 'call')
    const { connection, write } = this.#options
    const { frameCalls } = connection.services.config.limits
    if (calls.length <= frameCalls) return all
    // One count: a frame may have 20,000 calls.
    connection.metrics.countRefusals('unknown', 'INVALID_INPUT', calls.length)
    write(refusalFramesOf(calls, frameCalls))
    this.#countMalformed()
    return all.filter(({ type }) => type !== 'call')
  }

  refuseMalformed({ envelope, reason: why }: Extract<ClientMessage, { type: 'malformed' }>): void {
    this.refuse(new CoordinationError('INVALID_INPUT', why), envelope)
    this.#countMalformed()
  }

  /** Refuses a call beyond a limit, at the cost of a normal call to slow the client down. */
  refuseOverLimit(path: string, limitError: CoordinationError, envelope: Envelope): void {
    const { connection } = this.#options
    const rateError = connection.services.identity.rateLimiter.tryConsume(connection, 1)
    const { code } = rateError ?? limitError
    connection.metrics.countRefusals(metricLabelOf(path), code)
    const { kind = 'query', meta } = procedures.get(path) ?? {}
    countLimitRefusal(connection, code, { kind, lane: meta?.lane })
    this.refuse(rateError ?? limitError, envelope)
    if (rateError) this.recordRateLimit()
  }

  /** Refuses a write for overload like the guards, at a tenth of their cost. */
  refuseOverloaded(call: OverloadedCall): void {
    const { id, path, meta } = call
    const { connection, writeJoined } = this.#options
    const kind = meta.lane === 'urgent' ? 'urgent' : 'normal'
    const rateError = connection.services.identity.rateLimiter.tryConsume(connection, meta.cost ?? 1, kind)
    const code = rateError?.code ?? 'OVERLOADED'
    connection.metrics.countRefusals(path, code)
    countLimitRefusal(connection, code, { kind: 'mutation', lane: meta.lane })
    if (!rateError) return writeJoined(overloadFrame(call))
    this.refuse(rateError, { id: Number(id), jsonrpc: undefined })
    this.recordRateLimit()
  }

  recordSuccess(): void {
    this.#abuseDetector.recordSuccess()
  }

  /** Call after a refusal with RATE_LIMITED. */
  recordRateLimit(): void {
    if (this.#abuseDetector.recordRefusal()) this.#options.close(closeCodes.flooding, 'RATE_LIMITED')
  }

  #countMalformed(): void {
    if (this.#malformedFrames.record()) this.#options.close(closeCodes.malformed, 'too many malformed frames')
  }
}
