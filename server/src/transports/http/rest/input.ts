import type { IncomingMessage } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { JsonSchema, RestRoute } from '../../../api/rest/routes.ts'
import { isRecord } from '../../../platform/is-record.ts'
import { readBody } from '../body.ts'

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  Number(headers['content-length'] ?? 0) > 0 ||
  headers['content-type'] !== undefined

/** Returns the types that a schema allows, also those of its alternatives. */
function schemaTypesOf(schema: JsonSchema): ReadonlySet<string> {
  const own = schema.type === undefined ? [] : [schema.type].flat()
  const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  return new Set([...own, ...alternatives.flatMap((one) => (typeof one === 'object' ? [...schemaTypesOf(one)] : []))])
}

/**
 * Converts a text of the query to the type of its field. A text of another type stays a text, so
 * that the schema names the fault.
 */
function toFieldValue(text: string, types: ReadonlySet<string>): unknown {
  if ((types.has('integer') || types.has('number')) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (!types.has('object')) return text
  try {
    return JSON.parse(text)
  } catch {
    throw new CoordinationError('INVALID_INPUT', 'a query field with an object must be JSON')
  }
}

/** Returns the input in a query. A list is a repeated field, or one with commas. */
function readQuery(query: URLSearchParams, { input }: RestRoute): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const name of new Set(query.keys())) {
    if (name === 'fields') continue
    const texts = query.getAll(name)
    const schema = input.properties?.[name]
    const types = typeof schema === 'object' ? schemaTypesOf(schema) : new Set<string>()
    const [first = ''] = texts
    const isList = types.has('array') && (texts.length > 1 || first.includes(',') || !types.has('string'))
    fields[name] = isList ? texts.flatMap((text) => text.split(',')) : toFieldValue(first, types)
  }
  return fields
}

/**
 * Returns the revision in `If-Match`, which is the one that an `ETag` has shown. A proxy that
 * compresses a response makes its tag weak; the revision in it still names one state of the object.
 */
function revisionOf(ifMatch: string): number {
  const revision = /^(?:W\/)?"(\d{1,15})"$/.exec(ifMatch)?.[1]
  if (revision === undefined) throw new CoordinationError('INVALID_INPUT', 'If-Match must be an ETag of the object')
  return Number(revision)
}

/** Returns the fields that a request has in its headers. */
function readHeaders({ headers }: IncomingMessage, { input }: RestRoute): Record<string, unknown> {
  const has = (field: string) => input.properties?.[field] !== undefined
  const { 'idempotency-key': key, 'last-event-id': lastEventId, 'if-match': ifMatch } = headers
  return {
    ...(typeof key === 'string' && has('idempotencyKey') && { idempotencyKey: key }),
    ...(typeof lastEventId === 'string' && has('lastEventId') && { lastEventId }),
    ...(ifMatch !== undefined && has('expectedRevision') && { expectedRevision: revisionOf(ifMatch) }),
  }
}

/**
 * Reads the input of a call from the query or the body, the headers and the path. Throws
 * INVALID_INPUT for a body that contradicts its path, and as `readBody` does.
 */
export async function readInput(
  request: IncomingMessage,
  route: RestRoute,
  { query, fields, limit }: { query: URLSearchParams; fields: Readonly<Record<string, string>>; limit: number },
): Promise<unknown> {
  const takesBody = route.method !== 'GET' && hasBody(request)
  const body: unknown = takesBody ? await readBody(request, limit) : readQuery(query, route)
  if (!isRecord(body)) throw new CoordinationError('INVALID_INPUT', 'the body must be a JSON object')
  for (const [field, value] of Object.entries(fields))
    if (body[field] !== undefined && body[field] !== value)
      throw new CoordinationError('INVALID_INPUT', `${field}: the body and the path name different ones`)
  return { ...body, ...readHeaders(request, route), ...fields }
}
