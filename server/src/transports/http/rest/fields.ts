import { CoordinationError } from '@tony/mcp-shared/errors'
import { z } from 'zod'
import type { RestRoute } from '../../../api/rest/routes.ts'
import { isRecord } from '../../../platform/is-record.ts'

/** True if the reply of a route is a list, whose items `fields` applies to. */
const isListRoute = ({ procedure }: RestRoute): boolean => /\.(list|thread|history)$/.test(procedure)

const schemaKeysOf = (schema: unknown): readonly string[] =>
  schema instanceof z.ZodObject ? Object.keys(schema.shape) : []

/** Returns the names that `fields` may select. */
function knownFieldsOf(route: RestRoute): readonly string[] {
  const { output } = route.compiled
  if (!isListRoute(route) || !(output instanceof z.ZodObject)) return schemaKeysOf(output)
  return Object.values(output.shape).flatMap((field) =>
    field instanceof z.ZodArray ? schemaKeysOf(field.element) : [],
  )
}

/**
 * Returns the fields that a request selects; undefined means all. Throws INVALID_INPUT for an
 * unknown name, because a reply without it would hide the mistake.
 */
export function readFields(query: URLSearchParams, route: RestRoute): ReadonlySet<string> | undefined {
  const texts = query.getAll('fields')
  if (texts.length === 0) return undefined
  const names = texts.flatMap((text) => text.split(','))
  const known = knownFieldsOf(route)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return new Set(names)
  throw new CoordinationError(
    'INVALID_INPUT',
    `fields: no field ${JSON.stringify(unknown.slice(0, 100))}; the fields are ${known.join(', ')}`,
  )
}

const pick = (value: unknown, names: ReadonlySet<string>): unknown =>
  isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([name]) => names.has(name))) : value

/** Returns the reply with the selected fields only: of each item of a list, otherwise of itself. */
export function selectFields(reply: unknown, route: RestRoute, names: ReadonlySet<string> | undefined): unknown {
  if (names === undefined || !isRecord(reply)) return reply
  if (!isListRoute(route)) return pick(reply, names)
  const list = Object.entries(reply).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.map((item) => pick(item, names)) : value,
  ])
  return Object.fromEntries(list)
}
