import type { CoordinationError } from '@tony/mcp-shared/errors'
import { procedures } from '../../api/pipeline.ts'
import type { Connection, ProcedureMeta } from '../../guards/call.ts'
import { toErrorShape } from '../../guards/errors.ts'
import { findOverloadDelayMs, overloadErrorOf } from '../../guards/overload.ts'
import type { QueuedInput } from '../../platform/queued-inputs.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { asciiFrame } from './frames.ts'

/** The head of a frame with one mutation, as the client of this project writes it. */
const mutationHead = /^\{"id":(0|[1-9]\d{0,14}),"method":"mutation","params":\{"path":"([\w.]{1,100})"[,}]/

/** Characters that such a head has at most. */
const headLength = 200

/** From this size on it costs more to parse a frame than to match its head, in bytes. */
const largeFrameBytes = 256

/** A call that is refused as overload before its frame is parsed. */
export interface OverloadedCall {
  /** Its id as JSON. */
  readonly id: string
  readonly path: string
  readonly meta: ProcedureMeta
  readonly retryAfterMs: number
}

/**
 * False for a small frame while no write of its caller is refused for its age: its head is not
 * worth a match.
 */
function mayBeRefused({ identity, services }: Connection, data: Buffer): boolean {
  if (!identity.ok || data.length >= largeFrameBytes) return identity.ok
  const { project, subject } = identity.principal
  return services.store.queueAgeMs({ project, caller: subject, lane: 'bulk' }) > services.config.limits.queueMs
}

/**
 * Returns the call of a frame if it will be refused as overload. To parse 7 kB takes 30 µs, and
 * 0.7 MB 3.5 ms; to match the head takes 0.4 µs.
 */
export function findOverloadedCall(
  connection: Connection,
  data: Buffer,
  input: QueuedInput,
): OverloadedCall | undefined {
  if (!mayBeRefused(connection, data)) return undefined
  const [, id = '', path = ''] = mutationHead.exec(data.toString('latin1', 0, headLength)) ?? []
  const procedure = procedures.get(path)
  const { services, log } = connection
  // The guards write the log. While the revocations are read again, the state may still change.
  if (procedure?.kind !== 'mutation' || services.identity.revocations.isStale || log.isLevelEnabled('debug'))
    return undefined
  const retryAfterMs = findOverloadDelayMs({ connection, kind: 'mutation', meta: procedure.meta, queuedInput: input })
  return retryAfterMs === undefined ? undefined : { id, path, meta: procedure.meta, retryAfterMs }
}

/** The JSON of an error before and after the id of its request. */
type ErrorParts = readonly [before: string, after: string]

const partsByError = new WeakMap<CoordinationError, ErrorParts>()

/** The errors are shared, and their JSON differs only by the id of the request. */
function errorPartsOf(error: CoordinationError): ErrorParts {
  const known = partsByError.get(error)
  if (known) return known
  const mark = uuidv7()
  const [before = '', after = ''] = JSON.stringify(toErrorShape(error, mark)).split(mark)
  const parts: ErrorParts = [`,"error":${before}`, `${after}}`]
  partsByError.set(error, parts)
  return parts
}

/** Returns the frame that refuses a call, as text of Latin-1. */
export function overloadFrame({ id, retryAfterMs }: OverloadedCall): string {
  const [before, after] = errorPartsOf(overloadErrorOf(retryAfterMs))
  return asciiFrame(`{"id":${id}${before}${uuidv7()}${after}`)
}
