import { permissions } from '@tony/mcp-shared/policy'
import { TRPCError } from '@trpc/server'
import type { Chunk } from '../domain/feed/item.ts'
import { anonymousPrincipal } from '../domain/identity/caller.ts'
import type { Call, Connection } from '../guards/call.ts'
import { waitForReplySlot } from '../guards/observe.ts'
import type { QueuedInput } from '../platform/queued-inputs.ts'
import { ReplyBudget, type ReplyShare } from '../platform/reply-budget.ts'
import { createContext } from './context.ts'
import { type CompiledProcedure, compiledProcedureOf, runGuards } from './procedure.ts'
import { appRouter } from './router.ts'

/** Every procedure by its path, in its compiled form. */
export const procedures: ReadonlyMap<string, CompiledProcedure> = new Map(
  Object.entries(appRouter._def.procedures).map(([path, procedure]) => [path, compiledProcedureOf(procedure)]),
)

/** Returns the name of a call in the metrics: labels are bounded, but a caller names any path. */
export const metricLabelOf = (path: string): string => (procedures.has(path) ? path : 'unknown')

/**
 * Returns the kind of wait of a call; undefined if it does not wait. A frame `subscription.stop`
 * with the call's id ends the wait. A blocking call then has an empty result, and a call that waits
 * for the reply to a request fails.
 */
export function waitKindOf(path: string, input: unknown): 'blocking' | 'reply' | undefined {
  if (procedures.get(path)?.meta.waitField !== undefined) return 'reply'
  const waits = typeof input === 'object' && input !== null && 'waitMs' in input && input.waitMs !== 0
  return waits ? 'blocking' : undefined
}

const knownPermissions: ReadonlySet<string> = new Set([...permissions, 'open'])

/**
 * Throws if a procedure has no permission of the policy: it would be closed to everyone, or open.
 */
export function requirePermissions(compiled: ReadonlyMap<string, Pick<CompiledProcedure, 'meta'>>): void {
  for (const [path, { meta }] of compiled) {
    if (!knownPermissions.has(meta.permission))
      throw new Error(`${path} has no permission of the policy in shared/src/policy.ts: add one`)
  }
}

// Runs when this module is loaded, so that a server with such a procedure does not start.
requirePermissions(procedures)

export interface CallRequest {
  readonly connection: Connection
  readonly requestId: string
  readonly path: string
  readonly kind: Call['kind']
  readonly rawInput: unknown
  /** The bytes of its frame. Default: those of the connection. */
  readonly input?: QueuedInput | undefined
  readonly signal: AbortSignal
  /**
   * The call's share of the memory for replies of its connection. A transport that gives one
   * releases it after it has sent the reply. Default: a share that ends with the call.
   */
  readonly hold?: ReplyShare | undefined
}

function prepareCall({ connection, requestId, path, kind, rawInput, input, signal, hold }: CallRequest) {
  const procedure = procedures.get(path)
  if (procedure?.kind !== kind)
    throw new TRPCError({ code: 'NOT_FOUND', message: `No "${kind}"-procedure on path "${path}"` })
  const call: Call = {
    connection,
    requestId,
    path,
    kind,
    meta: procedure.meta,
    rawInput,
    input: input ?? connection.input,
    hold,
    principal: anonymousPrincipal,
  }
  const settle = runGuards(call)
  const start = () => {
    const parsed: unknown = procedure.input.parse(rawInput)
    return procedure.run(connection.services, createContext(call, parsed, signal), parsed)
  }
  return { settle, start }
}

/**
 * Runs a query or a mutation through the same guards and schemas as tRPC's middleware, but without
 * its stack. The WebSocket transport owes its speed to this. A test holds both paths to the same
 * replies.
 */
export async function runCall(request: CallRequest): Promise<unknown> {
  if (request.hold) return runHeldCall(request)
  const { pageSlots, config } = request.connection.services
  const hold = new ReplyBudget(pageSlots, config.limits.socketBufferBytes).open()
  try {
    return await runHeldCall({ ...request, hold })
  } finally {
    hold.release()
  }
}

function prepareHeldCall(request: CallRequest) {
  try {
    return prepareCall(request)
  } catch (error) {
    request.hold?.recordRefusal()
    throw error
  }
}

async function runHeldCall(request: CallRequest): Promise<unknown> {
  // Before anything else is made of the call: hundreds may wait on each socket.
  const { connection, path, kind, hold } = request
  const slot = kind === 'query' ? waitForReplySlot(connection, metricLabelOf(path), hold) : undefined
  if (slot) await slot
  const { revocations } = connection.services.identity
  if (revocations.isStale) await revocations.tryRefresh()
  const { settle, start } = prepareHeldCall(request)
  try {
    const result = await start()
    settle({ ok: true })
    return result
  } catch (error) {
    settle({ ok: false, error })
    throw error
  }
}

/**
 * Opens a subscription through the same guards and schemas. The guards get its outcome when it
 * ends.
 */
export async function* runSubscription(request: CallRequest): AsyncGenerator<Chunk<unknown>> {
  const { revocations } = request.connection.services.identity
  if (revocations.isStale) await revocations.tryRefresh()
  const { settle, start } = prepareCall(request)
  try {
    const chunks = start()
    if (chunks instanceof Promise) throw new Error(`${request.path} is not a subscription`)
    yield* chunks
    settle({ ok: true })
  } catch (error) {
    settle({ ok: false, error })
    throw error
  }
}
