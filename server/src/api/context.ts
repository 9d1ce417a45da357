import type { Context, TransactOptions } from '../domain/context.ts'
import type { Principal } from '../domain/principal.ts'
import type { Call } from '../guards/call.ts'
import { hashInput, runIdempotent } from '../guards/idempotency.ts'
import { createRowCharge } from '../guards/rates.ts'
import type { IdempotencyKey } from '../store/idempotency-slot.ts'
import type { Fence, Transaction, TransactionParams } from '../store/store.ts'

function idempotencyKeyOf(call: Call, principal: Principal, input: unknown): IdempotencyKey | undefined {
  if (typeof input !== 'object' || input === null || !('idempotencyKey' in input)) return undefined
  const { idempotencyKey: key } = input
  if (typeof key !== 'string') return undefined
  return {
    project: principal.project,
    principal: principal.subject,
    procedure: call.path,
    key,
    inputHash: hashInput(input),
  }
}

type SerialKeys = Pick<TransactOptions<never>, 'serialKeys'>

/** Calls with one idempotency key run one after another. */
const serialKeyOf = ({ procedure, principal, key }: IdempotencyKey): string => `key ${procedure} ${principal} ${key}`

/**
 * Builds the context of an operation: the services, bound to this caller, its idempotency key and
 * its abort signal.
 */
export function createContext(call: Call, input: unknown, signal: AbortSignal): Context {
  const { principal, connection, replyShare } = call
  const { services } = connection
  const key = idempotencyKeyOf(call, principal, input)
  const countRows = createRowCharge(connection)
  const scope: TransactionParams = {
    project: principal.project,
    caller: principal.subject,
    lane: call.meta.lane ?? 'normal',
    requestId: call.requestId,
    // A subscription hands out tasks for hours, which is no call of many rows.
    onCommit: call.kind === 'mutation' ? countRows : undefined,
    fence: fenceOf(principal),
  }
  const once = <T>(tx: Transaction, work: (tx: Transaction) => Promise<T>, options: TransactOptions<T>): Promise<T> => {
    const { replay, step } = options
    if (!key) return work(tx)
    if (!step) return runIdempotent(tx, key, () => work(tx), { replay })
    const whole = { key: key.key, partOf: step.partOf }
    return runIdempotent(tx, { ...key, key: `${key.key}#${step.number}` }, () => work(tx), { replay, whole })
  }
  // For the first transaction only: a later one of the call has waited for something else.
  let arrivedAt = call.meta.lane === 'urgent' ? call.queuedInput?.arrivedAt : undefined
  const begin = <T>(work: (tx: Transaction) => Promise<T>, { serialKeys: rows }: SerialKeys): Promise<T> => {
    const serialKeys = key && rows ? [...rows, serialKeyOf(key)] : rows
    const ownScope = { ...scope, arrivedAt, serialKeys }
    arrivedAt = undefined
    const transact = () => services.store.transact(ownScope, work)
    return call.queuedInput ? call.queuedInput.countDuring(transact) : transact()
  }
  const transact: Context['transact'] = (work, options = {}) => begin((tx) => once(tx, work, options), options)
  return {
    ...services,
    principal,
    signal,
    requestId: call.requestId,
    reauthenticate: (renewed) => connection.renew?.(renewed),
    read: async (work) => {
      await replyShare?.waitForSlot()
      return services.store.read(work)
    },
    chargeRows: countRows,
    transact,
    transactLargeReply: (work, options = {}) =>
      replyShare
        ? replyShare.transact((measured) => begin((tx) => measured(() => once(tx, work, options)), options))
        : transact(work, options),
  }
}

/**
 * Returns the fence of a caller's writes. A developer has none, because the machine itself is
 * trusted.
 */
function fenceOf({ agent, sessionId, key }: Principal): Fence | undefined {
  if (agent && sessionId !== undefined) return { sessionId, agentId: agent.id, incarnation: agent.incarnation }
  return key && { credentialId: key.id }
}
