import { permissions } from '@tony/mcp-shared/policy'
import { TRPCError } from '@trpc/server'
import type { ItemChunk } from '../domain/feed/item.ts'
import { anonymousPrincipal } from '../domain/identity/caller.ts'
import type { Call, Connection } from '../guards/call.ts'
import { waitForPageSlot } from '../guards/observe.ts'
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
export function requireKnownPermissions(compiled: ReadonlyMap<string, Pick<CompiledProcedure, 'meta'>>): void {
  for (const [path, { meta }] of compiled) {
    if (!knownPermissions.has(meta.permission))
      throw new Error(`${path} has no permission of the policy in shared/src/policy.ts: add one`)
  }
}

// Runs when this module is loaded, so that a server with such a procedure does not start.
requireKnownPermissions(procedures)

export interface IncomingCall {
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
  readonly replyShare?: ReplyShare | undefined
}

function prepareCall({ connection, requestId, path, kind, rawInput, input, signal, replyShare }: IncomingCall) {
  const procedure = procedures.get(path)
  if (procedure?.kind !== kind) {
    replyShare?.recordRefusal()
    throw new TRPCError({ code: 'NOT_FOUND', message: `No "${kind}"-procedure on path "${path}"` })
  }
  const call: Call = {
    connection,
    requestId,
    path,
    kind,
    meta: procedure.meta,
    rawInput,
    queuedInput: input ?? connection.queuedInput,
    replyShare,
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
export async function runCall(request: IncomingCall): Promise<unknown> {
  if (request.replyShare) return runCallWithShare(request)
  const { pageSlots, config } = request.connection.services
  const replyShare = new ReplyBudget(pageSlots, config.limits.socketBufferBytes).openShare()
  try {
    return await runCallWithShare({ ...request, replyShare })
  } finally {
    replyShare.release()
  }
}

async function runCallWithShare(request: IncomingCall): Promise<unknown> {
  // Before anything else is made of the call: hundreds may wait on each socket.
  const { connection, path, kind, replyShare } = request
  const slot = kind === 'query' ? waitForPageSlot(connection, metricLabelOf(path), replyShare) : undefined
  if (slot) await slot
  const { revocations } = connection.services.identity
  if (revocations.isStale) await revocations.tryRefresh()
  const { settle, start } = prepareCall(request)
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
export async function* runSubscription(request: IncomingCall): AsyncGenerator<ItemChunk<unknown>> {
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
