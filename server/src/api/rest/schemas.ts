import { agent } from '@tony/mcp-shared/agents'
import { apiKey, session } from '@tony/mcp-shared/auth'
import { deadLetter } from '@tony/mcp-shared/dead-letters'
import { event } from '@tony/mcp-shared/events'
import { storedSample } from '@tony/mcp-shared/health'
import { delivery, message, messageSendOutput, messageTransitionOutput } from '@tony/mcp-shared/messages'
import { project } from '@tony/mcp-shared/projects'
import { taskTransitionOutput } from '@tony/mcp-shared/task-changes'
import { artifact, leasedTask, rollup, task } from '@tony/mcp-shared/tasks'
import { webhook } from '@tony/mcp-shared/webhooks'
import { z } from 'zod'
import { isRecord } from '../../platform/is-record.ts'
import { type JsonSchema, type RestRoute, restRoutes } from './routes.ts'

/** Schemas with a name of their own, so that generated clients have one type for each thing. */
const namedSchemas: Readonly<Record<string, z.ZodType>> = {
  Agent: agent,
  ApiKey: apiKey,
  Artifact: artifact,
  DeadLetter: deadLetter,
  Delivery: delivery,
  Event: event,
  HealthSample: storedSample,
  LeasedTask: leasedTask,
  Message: message,
  MessageTransition: messageTransitionOutput,
  Project: project,
  Rollup: rollup,
  SentMessage: messageSendOutput,
  Session: session,
  Task: task,
  TaskTransition: taskTransitionOutput,
  Webhook: webhook,
}

const isNullSchema = (value: unknown): boolean => isRecord(value) && value['type'] === 'null'

/**
 * Writes `anyOf: [x, null]` as `type: [x, "null"]`, which every generator reads. An empty schema
 * already accepts null.
 */
function mergeNull(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || !isNullSchema(anyOf[1])) return { ...schema }
  const [other]: unknown[] = anyOf
  if (!isRecord(other) || '$ref' in other) return { ...schema }
  if (Object.keys(other).length === 0) return rest
  if (typeof other['type'] !== 'string') return { ...schema }
  const { type, enum: words } = other
  return { ...rest, ...other, type: [type, 'null'], ...(Array.isArray(words) && { enum: [...words, null] }) }
}

/** Writes a class of Unicode as its ranges: patterns of other languages have no classes. */
const toPortablePattern = (pattern: string): string => pattern.replaceAll('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f')

/** Keywords that mean nothing in OpenAPI, or repeat its default. */
const droppedKeys: ReadonlySet<string> = new Set(['$schema', '$id', 'id'])

function simplify(value: unknown, { isOpen }: { readonly isOpen: boolean }, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((item) => simplify(item, { isOpen }))
  if (!isRecord(value)) return value
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    // The keys of `properties` are names of fields, and `id` is one of them. The formats of an id
    // and of a time need no pattern, which would make up a third of the description.
    if (isMap) return [[key, simplify(inner, { isOpen })]]
    if (droppedKeys.has(key)) return []
    if (isOpen && key === 'additionalProperties' && inner === false) return []
    if (key === 'pattern' && (value['format'] === 'uuid' || value['format'] === 'date-time')) return []
    if (key === 'pattern' && typeof inner === 'string') return [[key, toPortablePattern(inner)]]
    if (key === 'default' || key === 'enum' || key === 'const') return [[key, inner]]
    return [[key, simplify(inner, { isOpen }, key === 'properties')]]
  })
  const simple = Object.fromEntries(entries)
  return isMap ? simple : mergeNull(simple)
}

/** Returns the schema of an input for OpenAPI. */
export const simplifyInput = (schema: JsonSchema): JsonSchema => simplify(schema, { isOpen: false }) as JsonSchema

const toReplyName = (procedure: string): string =>
  `${procedure.replace(/(^|\.)(\w)/g, (_, _dot, letter: string) => letter.toUpperCase())}Reply`

const prefix = '#/components/schemas/'

const nameBySchema = new Map<z.ZodType, string>(Object.entries(namedSchemas).map(([name, schema]) => [schema, name]))
for (const { procedure, compiled } of restRoutes)
  if (!nameBySchema.has(compiled.output)) nameBySchema.set(compiled.output, toReplyName(procedure))

/** Returns the reference to the schema of a reply. */
export const replyReferenceOf = ({ compiled }: RestRoute): { readonly $ref: string } => ({
  $ref: `${prefix}${nameBySchema.get(compiled.output)}`,
})

/**
 * Returns the schemas of all replies by name. They allow further fields, because a newer server may
 * have some.
 */
export function replySchemas(): Readonly<Record<string, unknown>> {
  const registry = z.registry<{ id: string }>()
  for (const [schema, id] of nameBySchema) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `${prefix}${id}`,
    io: 'output',
    unrepresentable: 'any',
  })
  const names = Object.keys(schemas).toSorted()
  return Object.fromEntries(names.map((name) => [name, simplify(schemas[name], { isOpen: true })]))
}
