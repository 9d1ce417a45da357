import { initTRPC, tracked } from '@trpc/server'
import { uuidv7 } from 'uuidv7'
import type { z } from 'zod'
import type { Context, Parts } from '../domain/context.ts'
import type { Chunk } from '../domain/feed/item.ts'
import { authenticate, currentPrincipal } from '../guards/authenticate.ts'
import { authorize } from '../guards/authorize.ts'
import type { Call, Connection, Guard, Meta, Outcome } from '../guards/call.ts'
import { denials } from '../guards/denials.ts'
import { errorShape } from '../guards/errors.ts'
import { observe } from '../guards/observe.ts'
import { rates } from '../guards/rates.ts'
import { wellFormed } from '../guards/well-formed.ts'
import { contextOf } from './context.ts'

/** In this order, on every surface. */
const guards: readonly Guard[] = [observe, denials, rates, wellFormed, authenticate, authorize]

/** In milliseconds. */
const ssePingMs = 15_000

const t = initTRPC
  .context<Connection>()
  .meta<Meta>()
  .create({
    // Otherwise errors carry a stack outside NODE_ENV=production.
    isDev: false,
    // A stream that says nothing for long is what proxies end, and what a reader cannot tell from one that is dead.
    sse: { ping: { enabled: true, intervalMs: ssePingMs } },
    errorFormatter: ({ error }) => errorShape(error, requestIds.get(error) ?? uuidv7()),
  })

export const router = t.router

type Schema = z.ZodType
type Contract<I extends Schema, O extends Schema> = Meta & { readonly input: I; readonly output: O }
type Kind = Call['kind']

/** A procedure without tRPC around it: what the WebSocket surface calls. */
export interface Compiled {
  readonly kind: Kind
  readonly meta: Meta
  readonly input: Schema
  readonly output: Schema
  readonly run: (parts: Parts, ctx: Context, input: unknown) => Promise<unknown> | AsyncGenerator<Chunk<unknown>>
}

const compiled = new WeakMap<object, Compiled>()

/** Which request an error belongs to, for its shape: tRPC's formatter is given the error and not the call. */
const requestIds = new WeakMap<object, string>()

/** The compiled form of a procedure of this router. */
export function compiledForm(procedure: object): Compiled {
  const form = compiled.get(procedure)
  if (!form) throw new Error('a procedure was not made by query, mutation or subscription')
  return form
}

/** Runs the guards; the returned function tells them how the call ended. A guard's refusal is such an end. */
export function admit(call: Call): (outcome: Outcome) => void {
  const after: ((outcome: Outcome) => void)[] = []
  const settle = (outcome: Outcome) => {
    for (const tell of after) tell(outcome)
  }
  try {
    for (const guard of guards) {
      const tell = guard(call)
      if (tell) after.push(tell)
    }
  } catch (error) {
    settle({ ok: false, error })
    throw error
  }
  return settle
}

/** What the guards leave for the resolver. */
type Admitted = Connection & { readonly call: Call; readonly signal: AbortSignal }

const guarded = (kind: Kind, meta: Meta) =>
  t.procedure.meta(meta).use(async ({ ctx, path, getRawInput, next, signal }) => {
    const call: Call = { connection: ctx, requestId: uuidv7(), path, kind, meta, rawInput: await getRawInput() }
    if (ctx.parts.revocations.stale) await ctx.parts.revocations.look()
    const settle = admit(call)
    const result = await next({ ctx: { ...ctx, call, signal: signal ?? new AbortController().signal } })
    if (!result.ok) requestIds.set(result.error, call.requestId)
    settle(result.ok ? { ok: true } : { ok: false, error: result.error })
    return result
  })

/** Gives tRPC the type of a reply. It is checked against its schema only where tests ask for it, in `checked`. */
const typed =
  <O extends Schema>(_: O) =>
  (value: unknown) =>
    value as z.input<O>

type Operation<I, O> = (ctx: Context, input: I) => Promise<O>

function contract<I extends Schema, O extends Schema>(kind: Kind, { input, output, ...meta }: Contract<I, O>) {
  return { input, output, meta, base: guarded(kind, meta).input(input) }
}

const checked = async (parts: Parts, schema: Schema, value: Promise<unknown>): Promise<unknown> => {
  const settled = await value
  const { error } = parts.config.checkReplies ? schema.safeParse(settled) : { error: undefined }
  // Wrapped: as itself it would be shown to the caller as a fault of its input.
  if (error) throw new Error('a reply does not match its schema', { cause: error })
  return settled
}

/** What `query` and `mutation` share: the compiled form, and the resolver tRPC calls with the same. */
function call<I extends Schema, O extends Schema>(
  kind: 'query' | 'mutation',
  definition: Contract<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { input, output, meta, base } = contract(kind, definition)
  // Parsed by the very schema the operation's input type is inferred from, on both ways in.
  const run = (parts: Parts, ctx: Context, value: unknown) =>
    checked(parts, output, operation(ctx, value as z.output<I>))
  const resolve = ({ ctx, input: value }: { ctx: Admitted; input: unknown }) =>
    run(ctx.parts, contextOf(ctx.call, value, ctx.signal), value) as never
  return { form: { kind, meta, input, output, run }, builder: base.output(typed(output)), resolve }
}

export function query<I extends Schema, O extends Schema>(
  definition: Contract<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = call('query', definition, operation)
  const procedure = builder.query(resolve)
  compiled.set(procedure, form)
  return procedure
}

export function mutation<I extends Schema, O extends Schema>(
  definition: Contract<I, O>,
  operation: Operation<z.output<I>, z.input<O>>,
) {
  const { form, builder, resolve } = call('mutation', definition, operation)
  const procedure = builder.mutation(resolve)
  compiled.set(procedure, form)
  return procedure
}

/** `output` is the schema of one thing the subscription sends. */
export function subscription<I extends Schema, O extends Schema>(
  definition: Contract<I, O>,
  operation: (ctx: Context, input: z.output<I>) => AsyncGenerator<Chunk<z.input<O>>>,
) {
  const { input, output, meta, base } = contract('subscription', definition)
  const run = (_parts: Parts, ctx: Context, value: unknown) => operation(ctx, value as z.output<I>)
  const procedure = base.subscription(async function* ({ ctx, input: value }) {
    for await (const chunk of operation(contextOf(ctx.call, value, ctx.signal), value as z.output<I>)) {
      currentPrincipal(ctx.call.connection)
      for (const { id, data } of chunk) yield id === undefined ? data : tracked(id, data)
    }
  })
  compiled.set(procedure, { kind: 'subscription', meta, input, output, run })
  return procedure
}
