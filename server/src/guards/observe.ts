import { CoordinationError } from '@tony/mcp-shared/errors'
import type { ReplyShare } from '../platform/reply-budget.ts'
import type { Call, Connection, Guard } from './call.ts'
import { toCoordinationError } from './errors.ts'

const limitCodes: ReadonlySet<string> = new Set(['OVERLOADED', 'RATE_LIMITED', 'STORAGE_FULL'])

/**
 * Counts a refusal for a limit, for overload or for a full disk; others are not counted. Call it
 * for every refusal, also of calls that do not reach the guards.
 */
export function countLimitRefusal(
  { metrics, services, identity }: Connection,
  code: string,
  call: { readonly kind: Call['kind']; readonly lane?: string | undefined } = { kind: 'query' },
): void {
  if (!limitCodes.has(code)) return
  metrics.countLimitRefusal(call.kind === 'mutation' ? (call.lane ?? 'normal') : 'read', code)
  if (identity.ok) services.history.activity.countRefusal(identity.principal.project)
}

/**
 * Records one metric and one log line for each call, with its outcome. It is the first guard, so
 * that it sees every call.
 */
export const logCall: Guard = ({ connection, requestId, path, kind, meta }) => {
  const { clock } = connection.services
  const start = clock.monotonic()
  return (outcome) => {
    const elapsedMs = clock.monotonic() - start
    const error = outcome.ok ? undefined : toCoordinationError(outcome.error)
    connection.metrics.recordCall(path, error?.code ?? 'OK', elapsedMs)
    if (error) countLimitRefusal(connection, error.code, { kind, lane: meta.lane })
    const fault = error && !outcome.ok && isFault(error)
    if (!(fault || connection.log.isLevelEnabled('debug'))) return
    const subject = connection.identity.ok ? connection.identity.principal.subject : undefined
    const logFields = {
      requestId,
      path,
      kind,
      surface: connection.transport,
      subject,
      ms: Math.round(elapsedMs * 10) / 10,
      code: error?.code,
    }
    if (fault) {
      connection.log.error({ ...logFields, error: causeOf(outcome.error) }, 'call failed')
    } else connection.log.debug(logFields, error ? 'call refused' : 'call')
  }
}

/**
 * Waits for the page slot of a query whose replies are bounded. A refusal is counted as that of a
 * call, because the guards begin after the wait. Returns undefined if the query need not wait.
 */
export function waitForPageSlot(
  connection: Connection,
  path: string,
  share: ReplyShare | undefined,
): Promise<void> | undefined {
  const refuse = (error: unknown): never => {
    const { code } = toCoordinationError(error)
    connection.metrics.countRefusals(path, code)
    countLimitRefusal(connection, code)
    throw error
  }
  try {
    return share?.waitForSlot()?.catch(refuse)
  } catch (error) {
    return refuse(error)
  }
}

/**
 * True for an error that nobody expected. A refusal by name, such as STORAGE_FULL, is none: a full
 * disk would get an error line for each refused write.
 */
const isFault = ({ code, cause }: CoordinationError): boolean => code === 'INTERNAL' || cause !== undefined

const causeOf = (error: unknown): unknown =>
  error instanceof CoordinationError && error.cause !== undefined ? error.cause : error
