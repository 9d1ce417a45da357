import type { CompiledProcedure } from '@tony/mcp-server/api/procedure'
import { appRouter } from '@tony/mcp-server/api/router'
import { findProjectByName } from '@tony/mcp-server/domain/projects/find'
import type { Connection } from '@tony/mcp-server/guards/call'
import { toErrorShape } from '@tony/mcp-server/guards/errors'
import { createLog } from '@tony/mcp-server/platform/log'
import { Metrics } from '@tony/mcp-server/platform/metrics'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { isTrackedEnvelope } from '@trpc/server'
import type { TestServer } from '../support/server.ts'
import { type Reply, Wire } from './wire.ts'

export interface Asked {
  readonly path: string
  readonly kind: CompiledProcedure['kind']
  /**
   * The input as JSON text, because some inputs cannot be JavaScript values. Undefined means no
   * input.
   */
  readonly input: string | undefined
  /**
   * Undefined means the developer of dev mode; `stranger` means a remote caller without a
   * credential.
   */
  readonly token: string | undefined
}

export type Outcome = { readonly data: unknown } | { readonly error: unknown }
export type Way = (server: TestServer, asked: Asked) => Promise<Outcome>

interface Shown {
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Returns the parts by which a caller tells errors apart. The request id differs for each call. */
const errorOf = ({ message, data: { code, httpStatus, retryable, applied, details } }: Shown): Outcome => ({
  error: { message, code, httpStatus, retryable, applied, details },
})

const outcomeOf = ({ error, result }: Reply): Outcome => (error ? errorOf(error) : { data: result?.data })

const overSocket: Way = async (server, { path, kind, input, token }) => {
  const stranger = token === 'stranger'
  const connectionParams = token === undefined || stranger ? {} : { token }
  using wire = await Wire.open(server.url, {
    connectionParams,
    ...(stranger ? { headers: { host: 'elsewhere.example' } } : {}),
  })
  wire.send(`{"id":1,"method":"${kind}","params":{"path":"${path}"${input === undefined ? '' : `,"input":${input}`}}}`)
  for (;;) {
    // A refused credential is reported once for its socket, with the id null.
    const reply = await wire.next()
    if (reply.result?.type !== 'started') return outcomeOf(reply)
  }
}

/** Returns the first item of a stream of server-sent events. */
async function firstSent(body: ReadableStream<Uint8Array>): Promise<Outcome> {
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part
    for (const message of text.split('\n\n').slice(0, -1)) {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(message)?.[1]
      const [event, id, sent] = [field('event'), field('id'), field('data')]
      if (event === 'connected' || sent === undefined) continue
      if (event === 'serialized-error') return errorOf(JSON.parse(sent))
      return { data: id === undefined ? JSON.parse(sent) : { id, data: JSON.parse(sent) } }
    }
  }
  throw new Error(`the stream ended: ${text}`)
}

const overHttp: Way = async (server, { path, kind, input, token }) => {
  const headers = {
    ...(token === 'stranger' ? { origin: 'https://elsewhere.example' } : {}),
    ...(token === undefined || token === 'stranger' ? {} : { authorization: `Bearer ${token}` }),
    ...(kind === 'mutation' ? { 'content-type': 'application/json' } : {}),
  }
  const url = `${server.url}/trpc/${path}`
  const asked = input === undefined ? url : `${url}?input=${encodeURIComponent(input)}`
  const reply =
    kind === 'mutation'
      ? await fetch(url, { method: 'POST', headers, ...(input === undefined ? {} : { body: input }) })
      : await fetch(asked, { headers })
  if (kind === 'subscription' && reply.ok && reply.body) return firstSent(reply.body)
  const outcome = outcomeOf(JSON.parse(await reply.text()))
  const status = 'error' in outcome ? (outcome.error as { httpStatus: number }).httpStatus : 200
  if (status !== reply.status) throw new Error(`status ${reply.status} for ${JSON.stringify(outcome)}`)
  return outcome
}

const needed = new CoordinationError(
  'UNAUTHENTICATED',
  'a token is needed: Authorization: Bearer <token>, or connectionParams { token }',
)

/** Returns the connection of a caller without a transport. Tokens as in `Asked`. */
export async function connectionOf({ parts: services }: TestServer, token: string | undefined): Promise<Connection> {
  const shared = {
    services,
    log: createLog({ logLevel: 'silent', logDir: undefined }),
    metrics: new Metrics(),
    transport: 'http' as const,
  }
  if (token === undefined) {
    const project = (await services.store.read((reader) => findProjectByName(reader, 'default'))) ?? ''
    const principal = {
      subject: 'developer',
      project,
      role: services.config.devRole,
      capabilities: [],
      agent: undefined,
      expiresAt: Infinity,
    }
    return { ...shared, identity: { ok: true, principal } }
  }
  if (token === 'stranger') return { ...shared, identity: { ok: false, error: needed, hasCredential: false } }
  const identity = await services.identity.tokens.checkToken(token).then(
    (principal) => ({ ok: true as const, principal }),
    (error: Error) => ({ ok: false as const, error, hasCredential: true }),
  )
  return { ...shared, identity }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

/** Finds the procedure by its path, for which there is no type. */
function procedureAt(caller: object, path: string): (input: unknown) => Promise<unknown> {
  const found: unknown = path.split('.').reduce((at: unknown, name) => Reflect.get(Object(at), name), caller)
  if (typeof found !== 'function') throw new Error(`the caller has no ${path}`)
  return (input) => Reflect.apply(found, undefined, [input])
}

const byCaller: Way = async (server, { path, input, token }) => {
  const leaving = new AbortController()
  const connection = await connectionOf(server, token)
  const caller = appRouter.createCaller(connection, { signal: leaving.signal })
  try {
    const result = await procedureAt(caller, path)(input === undefined ? undefined : JSON.parse(input))
    if (!isIterable(result)) return { data: result }
    for await (const thing of result)
      return { data: isTrackedEnvelope(thing) ? { id: thing[0], data: thing[1] } : thing }
    throw new Error('the subscription ended')
  } catch (error) {
    return errorOf(toErrorShape(error, '') as unknown as Shown)
  } finally {
    leaving.abort()
  }
}

export const ways: Readonly<Record<string, Way>> = { http: overHttp, socket: overSocket, caller: byCaller }

/** Replaces values that differ between runs by their kind; in data, every value. */
export function comparable(outcome: Outcome): unknown {
  if ('data' in outcome) return { data: shapeOf(outcome.data) }
  const text = JSON.stringify(outcome.error)
  const own = [
    [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>'],
    [/agent-\d+/g, '<agent>'],
    [/[0-9a-f]{8}\.\d+/g, '<cursor>'],
  ] as const
  return JSON.parse(own.reduce((replaced, [found, kind]) => replaced.replaceAll(found, kind), text))
}

function shapeOf(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]))
}
