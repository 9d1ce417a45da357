import { z } from 'zod'
import { procedures } from '../pipeline.ts'
import type { CompiledProcedure } from '../procedure.ts'

/** A schema as JSON Schema. */
export type JsonSchema = z.core.JSONSchema.BaseSchema

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

/** A procedure in REST. */
export interface RestRoute {
  readonly procedure: string
  readonly kind: CompiledProcedure['kind']
  readonly method: Method
  /** The path with its fields in braces, such as `/api/tasks/{taskId}/cancel`. */
  readonly path: `/api/${string}`
  /** Status of a success. */
  readonly status: 200 | 201
  readonly compiled: CompiledProcedure
  /** The input before its defaults, as JSON Schema. */
  readonly input: JsonSchema
}

/** Routes that differ from the rules of `deriveRoute`. */
const exceptionalRoutes: Readonly<Record<string, `${Method} /api/${string}`>> = {
  'agents.register': 'POST /api/agents/register',
  'agents.update': 'PATCH /api/agents/self',
  'agents.unregister': 'DELETE /api/agents/{agent}',
  'projects.get': 'GET /api/projects/{project}',
  'projects.setPools': 'PUT /api/projects/pools',
  'plans.begin': 'POST /api/plans',
  'plans.add': 'POST /api/plans/{planId}/tasks',
  'messages.send': 'POST /api/messages',
  'messages.thread': 'GET /api/threads/{threadId}',
  'requests.route': 'POST /api/requests',
  'webhooks.delete': 'DELETE /api/webhooks/{webhookId}',
  'events.subscribe': 'GET /api/events/stream',
}

/** Procedures that create something under a path of their own. */
const creatingProcedures: ReadonlySet<string> = new Set(['agents.register'])

/** The field of the input that names one object of a noun. */
const idFields: Readonly<Record<string, string>> = {
  tasks: 'taskId',
  agents: 'agent',
  plans: 'planId',
  messages: 'messageId',
  requests: 'requestId',
  keys: 'keyId',
  webhooks: 'webhookId',
}

const toKebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/**
 * Derives the method and the path from the name of a procedure: `list` and `create` are the
 * collection, `get` and `update` one object, and any other verb is a path below.
 */
function deriveRoute(procedure: string, kind: RestRoute['kind'], required: readonly string[]): string {
  const names = procedure.split('.')
  const verb = names.at(-1) ?? ''
  const nouns = names.slice(0, -1)
  const idField = idFields[nouns.at(-1) ?? '']
  const collection = `/api/${nouns.map(toKebabCase).join('/')}`
  const object = idField !== undefined && required.includes(idField) ? `${collection}/{${idField}}` : collection
  const reads = kind !== 'mutation'
  if (verb === 'list' || verb === 'get') return `GET ${object}`
  if (verb === 'create') return `POST ${collection}`
  if (verb === 'update') return `PATCH ${object}`
  return `${reads ? 'GET' : 'POST'} ${object}/${toKebabCase(verb)}`
}

const isMethod = (text: string): text is Method => /^(GET|POST|PATCH|PUT|DELETE)$/.test(text)
const isApiPath = (text: string): text is `/api/${string}` => text.startsWith('/api/')

function toRoute(procedure: string, compiled: CompiledProcedure): RestRoute {
  const input: JsonSchema = z.toJSONSchema(compiled.input, { io: 'input', unrepresentable: 'any' })
  const { kind } = compiled
  const [method = '', path = ''] = (
    exceptionalRoutes[procedure] ?? deriveRoute(procedure, kind, input.required ?? [])
  ).split(' ')
  if (!isMethod(method) || !isApiPath(path)) throw new Error(`${procedure} has no route: ${method} ${path}`)
  const isCollection = method === 'POST' && path.split('/').length - procedure.split('.').length === 1
  const status = isCollection || creatingProcedures.has(procedure) ? 201 : 200
  return { procedure, kind, method, path, status, compiled, input }
}

/** Every procedure in REST. */
export const restRoutes: readonly RestRoute[] = [...procedures].map(([path, compiled]) => toRoute(path, compiled))

/** The routes by the number of their segments and by their path. */
const routesByLength = new Map<number, Map<string, RestRoute[]>>()
for (const route of restRoutes) {
  const length = route.path.split('/').length
  const byPath = routesByLength.get(length) ?? new Map<string, RestRoute[]>()
  byPath.set(route.path, [...(byPath.get(route.path) ?? []), route])
  routesByLength.set(length, byPath)
}

/** The routes of a path, one for each method, and the fields that the path names. */
export interface RouteMatch {
  readonly routes: readonly RestRoute[]
  readonly fields: Readonly<Record<string, string>>
}

const isField = (segment: string): boolean => segment.startsWith('{')

/** Returns the fields of a path; undefined if it does not match the pattern. */
function matchPattern(pattern: string, segments: readonly string[]): Record<string, string> | undefined {
  const fields: Record<string, string> = {}
  for (const [index, wanted] of pattern.split('/').entries()) {
    const segment = segments[index] ?? ''
    if (isField(wanted)) {
      if (segment === '') return undefined
      fields[wanted.slice(1, -1)] = segment
    } else if (wanted !== segment) return undefined
  }
  return fields
}

/**
 * Finds the routes of a path. A literal segment goes before a field: `/api/agents/register` is no
 * agent. Returns undefined for an unknown path and for a malformed one.
 */
export function matchRoute(path: string): RouteMatch | undefined {
  let segments: string[]
  try {
    segments = path.split('/').map(decodeURIComponent)
  } catch {
    return undefined
  }
  const candidates = [...(routesByLength.get(segments.length) ?? [])].flatMap(([pattern, routes]) => {
    const fields = matchPattern(pattern, segments)
    return fields ? [{ routes, fields }] : []
  })
  return candidates.toSorted((a, b) => Object.keys(a.fields).length - Object.keys(b.fields).length)[0]
}
