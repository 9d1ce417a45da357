import { operationTextOf } from './operation-texts.ts'
import type { JsonSchema, RestRoute } from './routes.ts'
import { simplifyInput } from './schemas.ts'

type JsonObject = Readonly<Record<string, unknown>>

interface HeaderField {
  readonly name: string
  readonly description: string
  readonly schema: JsonObject
}

/** Fields that a request has in a header. */
export const headerFields: Readonly<Record<string, HeaderField>> = {
  idempotencyKey: {
    name: 'Idempotency-Key',
    description: 'The same key and input within 24 h return the first reply. It takes the place of idempotencyKey.',
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  },
  expectedRevision: {
    name: 'If-Match',
    description: 'The ETag of the object. It takes the place of expectedRevision; a mismatch is 412.',
    schema: { type: 'string', pattern: '^"[0-9]+"$' },
  },
  lastEventId: {
    name: 'Last-Event-ID',
    description: 'The id of the last event that was received. The stream resumes after it.',
    schema: { type: 'string', minLength: 1, maxLength: 200 },
  },
}

const fieldsParameter: JsonObject = {
  name: 'fields',
  in: 'query',
  description: 'Names of the fields of the reply, or of each item of a page, separated by commas.',
  schema: { type: 'string' },
}

const etagParameter: JsonObject = {
  name: 'If-None-Match',
  in: 'header',
  description: 'The ETag of the last reply. If the object has not changed, the reply is 304 without a body.',
  schema: { type: 'string' },
}

export const pathFieldsOf = ({ path }: RestRoute): readonly string[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)

/** True if the reply has a revision, which is its ETag. */
export const hasEtag = ({ compiled, kind }: RestRoute): boolean =>
  kind !== 'subscription' && 'shape' in compiled.output && Object.hasOwn(Object(compiled.output.shape), 'revision')

const exampleOf = (input: JsonObject, name: string): JsonObject =>
  input[name] === undefined ? {} : { example: input[name] }

/** An object in a query is JSON, which OpenAPI describes as content. */
function queryParameterOf(
  name: string,
  schema: JsonSchema | boolean,
  required: boolean,
  example: JsonObject,
): JsonObject {
  const isJson = typeof schema === 'object' && schema.type === 'object'
  const described = isJson ? { content: { 'application/json': { schema, ...example } } } : { schema, ...example }
  return { name, in: 'query', required, ...described }
}

/** Returns the parameters of an operation: those of the path, the query and the headers. */
export function parametersOf(route: RestRoute): readonly JsonObject[] {
  const { properties = {}, required = [] } = simplifyInput(route.input)
  const { input } = operationTextOf(route.procedure)
  const pathFields = pathFieldsOf(route)
  const inPath = pathFields.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: properties[name] ?? { type: 'string' },
    ...exampleOf(input, name),
  }))
  const inHeaders = Object.entries(headerFields).flatMap(([field, header]) =>
    properties[field] === undefined ? [] : [{ ...header, in: 'header' }],
  )
  const common = [
    ...(route.kind === 'subscription' ? [] : [fieldsParameter]),
    ...inHeaders,
    ...(route.method === 'GET' && hasEtag(route) ? [etagParameter] : []),
  ]
  if (route.method !== 'GET') return [...inPath, ...common]
  const inQuery = Object.entries(properties)
    .filter(([name]) => !pathFields.includes(name))
    .map(([name, schema]) => queryParameterOf(name, schema, required.includes(name), exampleOf(input, name)))
  return [...inPath, ...inQuery, ...common]
}

/** Returns the fields of the example that are in the body. */
function bodyExampleOf(route: RestRoute): JsonObject {
  const pathFields = new Set(pathFieldsOf(route))
  const { input } = operationTextOf(route.procedure)
  return Object.fromEntries(Object.entries(input).filter(([name]) => !pathFields.has(name)))
}

/**
 * Returns the body of an operation: the input without the fields of the path, and without the
 * demand for a field that a header may carry.
 */
export function bodyOf(route: RestRoute): JsonObject {
  const { properties, required = [], ...schema } = simplifyInput(route.input)
  const example = bodyExampleOf(route)
  if (!properties) return { content: { 'application/json': { schema, example } } }
  const pathFields = new Set(pathFieldsOf(route))
  const own = Object.entries(properties).filter(([name]) => !pathFields.has(name))
  const needed = required.filter((name) => !pathFields.has(name) && headerFields[name] === undefined)
  const body = { ...schema, properties: Object.fromEntries(own), ...(needed.length > 0 && { required: needed }) }
  return { required: needed.length > 0, content: { 'application/json': { schema: body, example } } }
}
