import { STATUS_CODES } from 'node:http'
import { type ErrorCode, errorPolicies } from '@tony/mcp-shared/errors'
import { version } from '../../platform/version.ts'
import { operationTextOf } from './operation-texts.ts'
import { bodyOf, hasEtag, parametersOf } from './parameters.ts'
import replyExamples from './reply-examples.json' with { type: 'json' }
import { type RestRoute, restRoutes } from './routes.ts'
import { replyReferenceOf, replySchemas } from './schemas.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** Returns the operation id: the name of the procedure in camel case. */
const operationIdOf = ({ procedure }: RestRoute): string =>
  procedure.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The codes of each status, the statuses in ascending order. A failed `If-Match` has its own. */
const codesByStatus = new Map<number, ErrorCode[]>()
for (const [code, { http }] of Object.entries(errorPolicies) as [ErrorCode, { http: number }][])
  codesByStatus.set(http, [...(codesByStatus.get(http) ?? []), code])
codesByStatus.set(412, ['REVISION_CONFLICT'])
const errorStatuses = [...codesByStatus.keys()].toSorted((a, b) => a - b)

const responseHeaders: Readonly<Record<string, JsonObject>> = {
  'X-Request-Id': { description: 'The id of the request, as in the log.', schema: { type: 'string' } },
  RateLimit: { description: 'The remaining budget of the caller, in serve mode.', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'The whole budget of the caller, in serve mode.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer' } },
  Allow: { description: 'The methods that the path takes.', schema: { type: 'string' } },
  'WWW-Authenticate': { description: 'The challenge of RFC 6750.', schema: { type: 'string' } },
  ETag: { description: 'The revision of the object, for If-Match and If-None-Match.', schema: { type: 'string' } },
  Location: { description: 'The path of the new object.', schema: { type: 'string' } },
  Link: { description: 'The next page, if there is one: `<path>; rel="next"`.', schema: { type: 'string' } },
}

const headerReferencesOf = (...names: readonly string[]): JsonObject =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

const rateHeaders = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy'] as const

const examples: Readonly<Record<string, unknown>> = replyExamples

function successResponseOf(route: RestRoute): JsonObject {
  const { procedure, kind, status } = route
  const example = examples[procedure]
  const shown = example === undefined ? {} : { example }
  if (kind === 'subscription')
    return {
      description:
        'Server-sent events. The data of each is JSON of the schema in x-event-data, and its id is the cursor to resume from. A comment comes every 15 s. The event "error" has a problem document.',
      headers: headerReferencesOf(...rateHeaders),
      content: {
        'text/event-stream': { schema: { type: 'string' }, ...shown, 'x-event-data': replyReferenceOf(route) },
      },
    }
  const own = [...(hasEtag(route) ? ['ETag'] : []), ...(status === 201 ? ['Location'] : [])]
  const page = /\.(list|thread)$/.test(procedure) ? ['Link'] : []
  return {
    description: status === 201 ? 'It was created.' : 'The reply of the procedure.',
    headers: headerReferencesOf(...rateHeaders, ...own, ...page),
    content: { 'application/json': { schema: replyReferenceOf(route), ...shown } },
  }
}

const notModified: JsonObject = {
  description: 'The object has not changed since the ETag.',
  headers: headerReferencesOf('X-Request-Id'),
}

function describeOperation(route: RestRoute): JsonObject {
  const { procedure, method } = route
  const { permission } = route.compiled.meta
  const { summary, description } = operationTextOf(procedure)
  const needs = permission === 'open' ? 'It needs no credential.' : `It needs the permission ${permission}.`
  const errors = errorStatuses.map((status) => [String(status), { $ref: `#/components/responses/Error${status}` }])
  return {
    operationId: operationIdOf(route),
    summary,
    description: `${description} ${needs}`,
    tags: [procedure.split('.', 1)[0]],
    ...(permission === 'open' && { security: [] }),
    parameters: parametersOf(route),
    ...(method !== 'GET' && method !== 'DELETE' && { requestBody: bodyOf(route) }),
    responses: {
      [route.status]: successResponseOf(route),
      ...(method === 'GET' && hasEtag(route) && { 304: notModified }),
      ...Object.fromEntries(errors),
    },
  }
}

const problemSchema: JsonObject = {
  type: 'object',
  description: 'A problem document of RFC 9457.',
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable', 'applied', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'The cause and the next step.' },
    instance: { type: 'string' },
    code: { type: 'string', enum: Object.keys(errorPolicies) },
    retryable: { type: 'boolean', description: 'True if the same call may succeed later.' },
    applied: { type: 'string', enum: ['no', 'unknown'] },
    requestId: { type: 'string' },
    retryAfterMs: { type: 'number' },
    details: { type: 'object', additionalProperties: true },
    error: { type: 'object', additionalProperties: true, description: 'The error as tRPC sends it.' },
  },
}

const exampleRequestId = '01990a00-0000-7000-8000-0000000000ff'

function errorResponseOf(status: number): JsonObject {
  const codes = codesByStatus.get(status) ?? []
  const [code = 'INTERNAL'] = codes
  const { retryable, applied } = errorPolicies[code]
  const example = {
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail: 'The cause and the next step.',
    instance: `urn:uuid:${exampleRequestId}`,
    code,
    retryable,
    applied,
    requestId: exampleRequestId,
  }
  const own = { 401: ['WWW-Authenticate'], 403: ['WWW-Authenticate'], 405: ['Allow'] }[status] ?? []
  return {
    description: codes.join(', '),
    headers: headerReferencesOf('X-Request-Id', ...own, ...(status === 429 || status === 503 ? ['Retry-After'] : [])),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, example } },
  }
}

/** The contents of each tag. */
const tagTexts: Readonly<Record<string, string>> = {
  projects: 'The isolation boundary of agents, tasks, messages and feeds.',
  agents: 'Registration, presence and pauses.',
  plans: 'Imports of many tasks in steps.',
  tasks: 'Units of work under lease.',
  locks: 'Held locks and pools.',
  messages: 'Durable messages and dead letters.',
  requests: 'Questions with an answer.',
  events: 'The ordered feed of every change.',
  webhooks: 'Events of the feed, sent to other programs.',
  health: 'Reports of the agents about themselves.',
  auth: 'Tokens, sessions and API keys.',
  audit: 'Changes with their callers, and denials.',
  system: 'The server itself.',
}

/** Returns the description of REST as OpenAPI 3.1. */
export function describeRest(): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {}
  for (const route of restRoutes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeOperation(route) }
  const tags = [...new Set(restRoutes.map(({ procedure }) => procedure.split('.', 1)[0] ?? ''))]
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tony MCP Server',
      version,
      description:
        'Leased tasks, durable messages and one ordered feed of every change, for fleets of AI coding agents.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: tags.map((name) => ({ name, ...(tagTexts[name] !== undefined && { description: tagTexts[name] }) })),
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or the access token of an agent.' },
      },
      schemas: { Problem: problemSchema, ...replySchemas() },
      headers: responseHeaders,
      responses: Object.fromEntries(errorStatuses.map((status) => [`Error${status}`, errorResponseOf(status)])),
    },
  }
}
