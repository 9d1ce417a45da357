import type { AnyTool } from './tool.ts'

type Schema = AnyTool['input']
type StandardProps = Schema['~standard']
type PublishedSchema = Pick<Schema, '~standard'>
interface UncheckedSchema {
  readonly '~standard': Omit<StandardProps, 'validate'> & { readonly validate: (value: unknown) => { value: unknown } }
}
type JsonSchemaConverters = StandardProps['jsonSchema']
type JsonSchemaConverter = JsonSchemaConverters['input']

/** Returns a conversion that is made once for each target. */
function cacheConversions(convert: JsonSchemaConverter): JsonSchemaConverter {
  const results = new Map<string, ReturnType<JsonSchemaConverter>>()
  return (options) => {
    const key = JSON.stringify(options)
    const result = results.get(key) ?? convert(options)
    results.set(key, result)
    return result
  }
}

const conversions = new WeakMap<Schema, JsonSchemaConverters>()

/** Returns the conversions of a schema, which are kept as long as the schema. */
function conversionsOf(schema: Schema): JsonSchemaConverters {
  const kept = conversions.get(schema)
  if (kept) return kept
  const { input, output } = schema['~standard'].jsonSchema
  const made = { input: cacheConversions(input), output: cacheConversions(output) }
  conversions.set(schema, made)
  return made
}

/**
 * Returns a schema as the SDK publishes it, with a JSON schema that is made once. The SDK asks for
 * it in each list of the tools: the conversions of one list took 3 to 8 ms, and a caller that sent
 * 480 lists at once held the event loop for 13 s.
 */
export const toPublishedSchema = (schema: Schema): PublishedSchema => ({
  '~standard': { ...schema['~standard'], jsonSchema: conversionsOf(schema) },
})

/**
 * Returns a schema that the SDK publishes but does not apply: its `validate` accepts every value.
 * The tool checks its input itself, because its error names the code, the argument that was
 * probably meant and the next step.
 */
export const toUncheckedSchema = (schema: Schema): UncheckedSchema => {
  const { jsonSchema, vendor, version } = toPublishedSchema(schema)['~standard']
  return { '~standard': { jsonSchema, vendor, version, validate: (value: unknown) => ({ value }) } }
}
