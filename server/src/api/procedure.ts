import { initTRPC, tracked } from '@trpc/server'
import { uuidv7 } from 'uuidv7'
import type { z } from 'zod'
import type { Context, Services } from '../domain/context.ts'
import type { Chunk } from '../domain/feed/item.ts'
import { anonymousPrincipal } from '../domain/identity/caller.ts'
import { authenticate, currentPrincipal } from '../guards/authenticate.ts'
import { authorize } from '../guards/authorize.ts'
import type { Call, CallOutcome, Connection, Guard, ProcedureMeta } from '../guards/call.ts'
import { recordDenials } from '../guards/denials.ts'
import { toErrorShape } from '../guards/errors.ts'
import { logCall } from '../guards/observe.ts'
import { limitRate } from '../guards/rates.ts'
import { requireWellFormed } from '../guards/well-formed.ts'
import { contextOf } from './context.ts'

/** In this order, on every surface. */
const guards: readonly Guard[] = [logCall, recordDenials, limitRate, requireWellFormed, authenticate, authorize]

/** In milliseconds. */
const ssePingMs = 15_000

const t = initTRPC
  .context<Connection>()
  .meta<ProcedureMeta>()
  .create({
    // Otherwise errors carry a stack outside NODE_ENV=production.
    isDev: false,
    // A stream that says nothing for long is what proxies end, and what a reader cannot tell from one that is dead.
    sse: { ping: { enabled: true, intervalMs: ssePingMs } },
    errorFormatter: ({ error }) => toErrorShape(error, requestIds.get(error) ?? uuidv7()),
  })

export const router = t.router

type Schema = z.ZodType
type ProcedureDefinition<I extends Schema, O extends Schema> = ProcedureMeta & { readonly input: I; readonly output: O }
type Kind = Call['kind']

/** A procedure without tRPC around it: what the WebSocket surface calls. */
export interface CompiledProcedure {
  readonly kind: Kind
  readonly meta: ProcedureMeta
  readonly input: Schema
  readonly output: Schema
  readonly run: (services: Services, ctx: Context, input: unknown) => Promise<unknown> | AsyncGenerator<Chunk<unknown>>
}

const compiledProcedures = new WeakMap<object, CompiledProcedure>()

/** Which request an error belongs to, for its shape: tRPC's formatter is given the error and not the call. */
const requestIds = new WeakMap<object, string>()

/** The compiled form of a procedure of this router. */
export function getCompiled(procedure: object): CompiledProcedure {
  const compiledProcedure = compiledProcedures.get(procedure)
  if (!compiledProcedure) throw new Error('a procedure was not made by query, mutation or subscription')
  return compiledProcedure
}

/** Runs the guards; the returned function tells them how the call ended. A guard's refusal is such an end. */
export function runGuards(call: Call): (outcome: CallOutcome) => void {
  const callbacks: ((outcome: CallOutcome) => void)[] = []
  const settle = (outcome: CallOutcome) => {
    for (const onOutcome of callbacks) onOutcome(outcome)
  }
  try {
    for (const guard of guards) {
      const tell = guard(call)
      if (tell) callbacks.push(tell)
    }
  } catch (error) {
    settle({ ok: false, error })
    throw error
  }
  return settle
}

/** What the guards leave for the resolver. */
type GuardedConnection = Connection & { readonly call: Call; readonly signal: AbortSignal }

const guardedProcedure = (kind: Kind, meta: ProcedureMeta) =>
  t.procedure.meta(meta).use(async ({ ctx, path, getRawInput, next, signal }) => {
    const call: Call = {
      connection: ctx,
      requestId: uuidv7(),
      path,
      kind,
      meta,
      rawInput: await getRawInput(),
      principal: anonymousPrincipal,
    }
    if (ctx.services.identity.revocations.isStale) await ctx.services.identity.revocations.tryRefresh()
    const settle = runGuards(call)
    const result = await next({ ctx: { ...ctx, call, signal: signal ?? new AbortController().signal } })
    if (!result.ok) requestIds.set(result.error, call.requestId)
    settle(result.ok ? { ok: true } : { ok: false, error: result.error })
    return result
  })

/** Gives tRPC the type of a reply. It is checked against its schema only where tests ask for it, in `checked`. */
const outputType =
  <O extends Schema>(_: O) =>
  (value: unknown) =>
    value as z.input<O>

type Operation<I, O> = (ctx: Context, input: I) => Promise<O>

function buildContract<I extends Schema, O extends Schema>(
  kind: Kind,
  { input, output, ...meta }: ProcedureDefinition<I, O>,
) {
  return { input, output, meta, base: guardedProcedure(kind, meta).input(input) }
}

const checkReply = async (services: Services, schema: Schema, value: Promise<unknown>): Promise<unknown> => {
  const reply = await value
  const { error } = services.config.checkReplies ? schema.safeParse(reply) : { error: undefined }
  // Wrapped: as itself it would be shown to the caller as a fault of its input.
  if (error) throw new Error('a reply does not match its schema', { cause: error })
  return reply
}

/** What `query` and `mutation` share: the compiled form, and the resolver tRPC calls with the same. */
function buildCall<I extends Schema, O extends Schema>(
  kind: 'query' | 'mutation',
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { input, output, meta, base } = buildContract(kind, definition)
  // Parsed by the very schema the operation's input type is inferred from, on both ways in.
  const run = (services: Services, ctx: Context, value: unknown) =>
    checkReply(services, output, operation(ctx, value as z.output<I>))
  const resolve = ({ ctx, input: value }: { ctx: GuardedConnection; input: unknown }) =>
    run(ctx.services, contextOf(ctx.call, value, ctx.signal), value) as never
  return { form: { kind, meta, input, output, run }, builder: base.output(outputType(output)), resolve }
}

export function query<I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = buildCall('query', definition, operation)
  const procedure = builder.query(resolve)
  compiledProcedures.set(procedure, form)
  return procedure
}

export function mutation<I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = buildCall('mutation', definition, operation)
  const procedure = builder.mutation(resolve)
  compiledProcedures.set(procedure, form)
  return procedure
}

/** `output` is the schema of one thing the subscription sends. */
export function subscription<I extends Schema, O extends Schema>(
  definition: ProcedureDefinition<I, O>,
  operation: (ctx: Context, input: z.output<I>) => AsyncGenerator<Chunk<z.input<O>>>,
) {
  const { input, output, meta, base } = buildContract('subscription', definition)
  const run = (_parts: Services, ctx: Context, value: unknown) => operation(ctx, value as z.output<I>)
  const procedure = base.subscription(async function* ({ ctx, input: value }) {
    for await (const chunk of operation(contextOf(ctx.call, value, ctx.signal), value as z.output<I>)) {
      currentPrincipal(ctx.call.connection)
      for (const { id, data } of chunk) yield id === undefined ? data : tracked(id, data)
    }
  })
  compiledProcedures.set(procedure, { kind: 'subscription', meta, input, output, run })
  return procedure
}
