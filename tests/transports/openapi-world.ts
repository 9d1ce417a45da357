import { readFileSync } from 'node:fs'
import { procedures } from '@tony/mcp-server/api/pipeline'
import type { TestServer } from '../support/server.ts'
import { cases, messageFor, taskFor, type World } from './equality-cases.ts'

export interface Media {
  readonly schema: Schema
  readonly example?: unknown
}

export interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
  readonly content?: Readonly<Record<string, Media>>
  readonly example?: unknown
}

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly anyOf?: readonly Schema[]
}

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>
}

export interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly responses: Readonly<Record<string, { readonly content: Record<string, Media> }>> }
}

/** The committed description. */
export const committed: Description = JSON.parse(
  readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
)

export interface Described {
  readonly procedure: string
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const procedureById = new Map(
  [...procedures.keys()].map((name) => [name.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase()), name]),
)

/** The operations of the committed description, in the order of the router. */
export const described: readonly Described[] = Object.entries(committed.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      procedure: procedureById.get(operation.operationId) ?? operation.operationId,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  )
  .toSorted((a, b) => [...procedures.keys()].indexOf(a.procedure) - [...procedures.keys()].indexOf(b.procedure))

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Returns the example of an operation as one input: its path, its query and its body. */
export function exampleInputOf({ parameters, requestBody }: Operation): Fields {
  const shown = parameters.map((one): [string, unknown] => [
    one.name,
    one.example ?? one.content?.['application/json']?.example,
  ])
  const body = requestBody?.content['application/json']?.example
  return { ...Object.fromEntries(shown.filter(([, value]) => value !== undefined)), ...(isObject(body) && body) }
}

/** Fields that name a thing which must exist, or prove the caller's right to it. */
const links: ReadonlySet<string> = new Set(
  'taskId taskIds leaseToken messageId messageIds receipt requestId planId webhookId url keyId refreshToken token agent target to attempt threadId'.split(
    ' ',
  ),
)

/** Replaces the links of an example, and the fields `others`, by those of an accepted input. */
export function linked(example: unknown, valid: unknown, others: readonly string[] = []): unknown {
  if (Array.isArray(example)) return example.map((item, index) => linked(item, Reflect.get(Object(valid), index)))
  if (!isObject(example)) return example
  const known = isObject(valid) ? valid : {}
  const isLink = (name: string) => links.has(name) || others.includes(name)
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      isLink(name) && known[name] !== undefined ? known[name] : linked(value, known[name]),
    ]),
  )
}

/** Returns an accepted input of a procedure, after making what it names. */
export async function acceptedInput(procedure: string, world: World): Promise<Fields> {
  if (procedures.get(procedure)?.kind === 'subscription') await Promise.all([taskFor(world), messageFor(world)])
  const valid = await cases[procedure]?.valid(world)
  return { agent: world.agent.id, ...(isObject(valid) && valid) }
}

/** Returns the token of the caller; undefined means the developer. */
export const callerOf = (procedure: string, { agent }: World): string | undefined =>
  cases[procedure]?.as === 'developer' ? undefined : agent.token

/** Returns a world with an agent of this name. */
export const worldOf = async (server: TestServer, name: string): Promise<World> => ({
  agent: await server.agent(name, { role: 'tech-lead' }),
  lead: server.connect(),
})

export function closeWorld({ agent, lead }: World): void {
  agent.close()
  lead.close()
}
