import { initTRPC, tracked } from '@trpc/server'
import type { z } from 'zod'
import type { Context, Services } from '../domain/context.ts'
import type { ItemChunk, SubscriptionItem } from '../domain/feed/item.ts'
import { anonymousPrincipal } from '../domain/identity/caller.ts'
import { authenticate, authenticateCaller } from '../guards/authenticate.ts'
import { authorize } from '../guards/authorize.ts'
import type { Call, CallOutcome, Connection, Guard, ProcedureMeta } from '../guards/call.ts'
import { collectDenials } from '../guards/denials.ts'
import { toErrorShape } from '../guards/errors.ts'
import { logCall, waitForPageSlot } from '../guards/observe.ts'
import { refuseOverload } from '../guards/overload.ts'
import { limitRate } from '../guards/rates.ts'
import { requireWellFormed } from '../guards/well-formed.ts'
import { uuidv7 } from '../platform/uuid.ts'
import { createContext } from './context.ts'

/** The guards run in this order, on every transport. */
const guards: readonly Guard[] = [
  logCall,
  collectDenials,
  limitRate,
  refuseOverload,
  requireWellFormed,
  authenticate,
  authorize,
]

const ssePingMs = 15_000

const trpc = initTRPC
  .context<Connection>()
  .meta<ProcedureMeta>()
  .create({
    // Otherwise errors carry a stack unless NODE_ENV is `production`.
    isDev: false,
    // Proxies end a silent stream, and a reader cannot tell it from a dead one.
    sse: { ping: { enabled: true, intervalMs: ssePingMs } },
    errorFormatter: ({ error }) => toErrorShape(error, requestIdsByError.get(error) ?? uuidv7()),
  })

export const router = trpc.router

type Schema = z.ZodType
type ProcedureDefinition<I extends Schema, O extends Schema> = ProcedureMeta & { readonly input: I; readonly output: O }
type ProcedureKind = Call['kind']

/** A procedure without tRPC around it, as the pipeline runs it. */
export interface CompiledProcedure {
  readonly kind: ProcedureKind
  readonly meta: ProcedureMeta
  readonly input: Schema
  readonly output: Schema
  readonly run: (
    services: Services,
    ctx: Context,
    input: unknown,
  ) => Promise<unknown> | AsyncGenerator<ItemChunk<unknown>>
}

const compiledProcedures = new WeakMap<object, CompiledProcedure>()

/** Request id of each error: tRPC's formatter gets the error but not the call. */
const requestIdsByError = new WeakMap<object, string>()

/** Returns the compiled form of a procedure of this router. */
export function compiledProcedureOf(procedure: object): CompiledProcedure {
  const compiledProcedure = compiledProcedures.get(procedure)
  if (!compiledProcedure) throw new Error('a procedure was not made by query, mutation or subscription')
  return compiledProcedure
}

/**
 * Runs the guards. The returned function gives them the outcome of the call; if a guard refuses the
 * call, they get that outcome at once.
 */
export function runGuards(call: Call): (outcome: CallOutcome) => void {
  const callbacks: ((outcome: CallOutcome) => void)[] = []
  const settle = (outcome: CallOutcome) => {
    for (const onOutcome of callbacks) onOutcome(outcome)
  }
  try {
    for (const guard of guards) {
      const onOutcome = guard(call)
      if (onOutcome) callbacks.push(onOutcome)
    }
  } catch (error) {
    call.replyShare?.recordRefusal()
    settle({ ok: false, error })
    throw error
  }
  return settle
}

/** The connection as the guards pass it to the resolver. */
type GuardedConnection = Connection & { readonly call: Call; readonly signal: AbortSignal }

const buildGuardedProcedure = (kind: ProcedureKind, meta: ProcedureMeta) =>
  trpc.procedure.meta(meta).use(async ({ ctx, path, getRawInput, next, signal }) => {
    const replyShare = kind === 'subscription' ? undefined : ctx.replyBudget?.openShare()
    try {
      if (kind === 'query') await waitForPageSlot(ctx, path, replyShare)
      const call: Call = {
        connection: ctx,
        requestId: uuidv7(),
        path,
        kind,
        meta,
        rawInput: await getRawInput(),
        queuedInput: ctx.queuedInput,
        replyShare,
        principal: anonymousPrincipal,
      }
      if (ctx.services.identity.revocations.isStale) await ctx.services.identity.revocations.tryRefresh()
      const settle = runGuards(call)
      const result = await next({ ctx: { ...ctx, call, signal: signal ?? new AbortController().signal } })
      if (result.ok) ctx.replyBudget?.countKeptReply(result.data)
      else requestIdsByError.set(result.error, call.requestId)
      settle(result.ok ? { ok: true } : { ok: false, error: result.error })
      return result
    } finally {
      replyShare?.release()
    }
  })

/** Gives tRPC the type of a reply. Only `checkReply` checks the schema, when tests turn it on. */
const outputTypeOf =
  <O extends Schema>(_: O) =>
  (value: unknown) =>
    value as z.input<O>

type Operation<I, O> = (ctx: Context, input: I) => Promise<O>

function buildProcedureBase<I extends Schema, O extends Schema>(
  kind: ProcedureKind,
  { input, output, ...meta }: ProcedureDefinition<I, O>,
) {
  return { input, output, meta, base: buildGuardedProcedure(kind, meta).input(input) }
}

const checkReply = async (services: Services, schema: Schema, value: Promise<unknown>): Promise<unknown> => {
  const reply = await value
  const { error } = services.config.checkReplies ? schema.safeParse(reply) : { error: undefined }
  // Wrapped, because a bare ZodError would be reported to the caller as a fault of its input.
  if (error) throw new Error('a reply does not match its schema', { cause: error })
  return reply
}

/**
 * Builds the shared part of `query` and `mutation`: the compiled form, and the resolver with which
 * tRPC runs it.
 */
function buildQueryOrMutation<I extends Schema, O extends Schema>(
  kind: 'query' | 'mutation',
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { input, output, meta, base } = buildProcedureBase(kind, definition)
  // Both callers have parsed the value with the schema from which the operation's input type is
  // inferred.
  const run = (services: Services, ctx: Context, value: unknown) =>
    checkReply(services, output, operation(ctx, value as z.output<I>))
  const resolve = ({ ctx, input: value }: { ctx: GuardedConnection; input: unknown }) =>
    run(ctx.services, createContext(ctx.call, value, ctx.signal), value) as never
  return { form: { kind, meta, input, output, run }, builder: base.output(outputTypeOf(output)), resolve }
}

export function query<I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = buildQueryOrMutation('query', definition, operation)
  const procedure = builder.query(resolve)
  compiledProcedures.set(procedure, form)
  return procedure
}

export function mutation<I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = buildQueryOrMutation('mutation', definition, operation)
  const procedure = builder.mutation(resolve)
  compiledProcedures.set(procedure, form)
  return procedure
}

/**
 * Builds a subscription whose items a caller gets in the form of `toYield`. tRPC derives the type
 * of the router from it, so each subscription has one form.
 */
function buildSubscription<I extends Schema, O extends Schema, Y>(
  definition: ProcedureDefinition<I, O>,
  operation: (ctx: Context, input: z.output<I>) => AsyncGenerator<ItemChunk<z.input<O>>>,
  toYield: (item: SubscriptionItem<z.input<O>>) => Y,
) {
  const { input, output, meta, base } = buildProcedureBase('subscription', definition)
  const run = (_services: Services, ctx: Context, value: unknown) => operation(ctx, value as z.output<I>)
  const procedure = base.subscription(async function* ({ ctx, input: value }) {
    for await (const chunk of operation(createContext(ctx.call, value, ctx.signal), value as z.output<I>)) {
      authenticateCaller(ctx.call.connection)
      for (const item of chunk) yield toYield(item)
    }
  })
  compiledProcedures.set(procedure, { kind: 'subscription', meta, input, output, run })
  return procedure
}

/** Defines a subscription whose items have no id. `output` is the schema of one item. */
export const subscription = <I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: (ctx: Context, input: z.output<I>) => AsyncGenerator<ItemChunk<z.input<O>>>,
) => buildSubscription(definition, operation, ({ data }) => data)

/** Defines a subscription that resumes after the id of an item. */
export const resumableSubscription = <I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: (ctx: Context, input: z.output<I>) => AsyncGenerator<ItemChunk<z.input<O>>>,
) =>
  buildSubscription(definition, operation, ({ id, data }) => {
    if (id === undefined) throw new Error('an item of a resumable subscription has no id')
    return tracked(id, data)
  })
