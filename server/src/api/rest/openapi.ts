import { errorPolicies } from '@tony/mcp-shared/errors'
import { z } from 'zod'
import { version } from '../../platform/version.ts'
import { type JsonSchema, type RestRoute, restRoutes } from './routes.ts'

type Json = Readonly<Record<string, unknown>>

/** Removes the dialect, which is the default one of OpenAPI 3.1. */
const withoutDialect = ({ $schema: _, ...schema }: JsonSchema): JsonSchema => schema

const outputOf = ({ compiled }: RestRoute): JsonSchema =>
  withoutDialect(z.toJSONSchema(compiled.output, { io: 'output', unrepresentable: 'any' }))

const pathFieldsOf = ({ path }: RestRoute): readonly string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)

/** Returns the operation id: the name of the procedure in camel case. */
const operationIdOf = ({ procedure }: RestRoute): string =>
  procedure.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Fields that a request has in a header, and the name of that header. */
const headerFields: Readonly<Record<string, { readonly name: string; readonly description: string }>> = {
  idempotencyKey: {
    name: 'Idempotency-Key',
    description: 'The same key and input within 24 h return the first reply. It takes the place of idempotencyKey.',
  },
  expectedRevision: {
    name: 'If-Match',
    description: 'The ETag of the object. It takes the place of expectedRevision; a mismatch is 412.',
  },
  lastEventId: {
    name: 'Last-Event-ID',
    description: 'The id of the last event that was received. The stream resumes after it.',
  },
}

function parametersOf(route: RestRoute): Json[] {
  const { properties = {}, required = [] } = route.input
  const pathFields = pathFieldsOf(route)
  const inPath = pathFields.map((name) => ({ name, in: 'path', required: true, schema: properties[name] ?? {} }))
  const inHeaders = Object.entries(headerFields).flatMap(([field, { name, description }]) =>
    properties[field] === undefined ? [] : [{ name, in: 'header', description, schema: { type: 'string' } }],
  )
  if (route.method !== 'GET') return [...inPath, ...inHeaders]
  const inQuery = Object.entries(properties)
    .filter(([name]) => !pathFields.includes(name))
    .map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
  const fields = {
    name: 'fields',
    in: 'query',
    description: 'Names of the fields of the reply, or of each item of a page, separated by commas.',
    schema: { type: 'string' },
  }
  return [...inPath, ...inQuery, ...(route.kind === 'query' ? [fields] : []), ...inHeaders]
}

/**
 * Returns the schema of a body: the input without the fields of the path, and without the demand
 * for a field that a header may carry.
 */
function bodyOf(route: RestRoute): Json {
  const { properties, required = [], ...schema } = withoutDialect(route.input)
  const pathFields = new Set(pathFieldsOf(route))
  if (!properties) return { content: { 'application/json': { schema } } }
  const own = Object.entries(properties).filter(([name]) => !pathFields.has(name))
  const needed = required.filter((name) => !pathFields.has(name) && headerFields[name] === undefined)
  return {
    required: needed.length > 0,
    content: {
      'application/json': {
        schema: { ...schema, properties: Object.fromEntries(own), ...(needed.length > 0 && { required: needed }) },
      },
    },
  }
}

/** The statuses of all errors. A failed `If-Match` has one of its own. */
const errorStatuses = [...new Set([...Object.values(errorPolicies).map(({ http }) => http), 412])].toSorted(
  (a, b) => a - b,
)

const codesOf = (status: number): string =>
  status === 412
    ? 'REVISION_CONFLICT'
    : Object.entries(errorPolicies)
        .flatMap(([code, { http }]) => (http === status ? [code] : []))
        .join(', ')

const replyHeaders: Json = {
  'X-Request-Id': { description: 'The id of the request, as in the log.', schema: { type: 'string' } },
}

function successOf(route: RestRoute): Json {
  if (route.kind === 'subscription')
    return {
      description:
        'Server-sent events. The data of each is JSON of this schema, and its id is the cursor to resume from. A comment comes every 15 s. The event "error" has a problem document.',
      content: { 'text/event-stream': { schema: { type: 'string' }, 'x-event-data': outputOf(route) } },
    }
  return {
    description: route.status === 201 ? 'It was created.' : 'The reply of the procedure.',
    headers: replyHeaders,
    content: { 'application/json': { schema: outputOf(route) } },
  }
}

function operationOf(route: RestRoute): Json {
  const { procedure, kind, method } = route
  const { permission } = route.compiled.meta
  const needs = permission === 'open' ? 'It needs no credential.' : `It needs the permission ${permission}.`
  const errors = errorStatuses.map((status) => [String(status), { $ref: `#/components/responses/Error${status}` }])
  return {
    operationId: operationIdOf(route),
    summary: `${procedure} (${kind})`,
    description: `Calls the procedure ${procedure} with the guards of every other transport. ${needs}`,
    tags: [procedure.split('.', 1)[0]],
    ...(permission === 'open' && { security: [] }),
    parameters: parametersOf(route),
    ...(method !== 'GET' && { requestBody: bodyOf(route) }),
    responses: { [route.status]: successOf(route), ...Object.fromEntries(errors) },
  }
}

const problemSchema: Json = {
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
    details: { type: 'object' },
    error: { type: 'object', description: 'The error as tRPC sends it.' },
  },
}

/** Returns the description of REST as OpenAPI 3.1. */
export function describeRest(): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of restRoutes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  const responses = errorStatuses.map((status) => [
    `Error${status}`,
    {
      description: codesOf(status),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ])
  const tags = [...new Set(restRoutes.map(({ procedure }) => procedure.split('.', 1)[0]))]
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
    tags: tags.map((name) => ({ name })),
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or the access token of an agent.' },
      },
      schemas: { Problem: problemSchema },
      responses: Object.fromEntries(responses),
    },
  }
}
