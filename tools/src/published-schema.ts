import type { AnyTool } from './tool.ts'

type Schema = AnyTool['input']
type Standard = Schema['~standard']
type Published = Pick<Schema, '~standard'>
interface Unchecked {
  readonly '~standard': Omit<Standard, 'validate'> & { readonly validate: (value: unknown) => { value: unknown } }
}
type JsonSchemas = Standard['jsonSchema']
type Convert = JsonSchemas['input']

/** Returns a conversion that is made once for each target. */
function convertOnce(convert: Convert): Convert {
  const results = new Map<string, ReturnType<Convert>>()
  return (options) => {
    const key = JSON.stringify(options)
    const result = results.get(key) ?? convert(options)
    results.set(key, result)
    return result
  }
}

const conversions = new WeakMap<Schema, JsonSchemas>()

/** Returns the conversions of a schema, which are kept as long as the schema. */
function conversionsOf(schema: Schema): JsonSchemas {
  const kept = conversions.get(schema)
  if (kept) return kept
  const { input, output } = schema['~standard'].jsonSchema
  const made = { input: convertOnce(input), output: convertOnce(output) }
  conversions.set(schema, made)
  return made
}

/**
 * Returns a schema as the SDK publishes it, with a JSON schema that is made once. The SDK asks for
 * it in each list of the tools: the conversions of one list took 3 to 8 ms, and a caller that sent
 * 480 lists at once held the event loop for 13 s.
 */
export const publishedSchema = (schema: Schema): Published => ({
  '~standard': { ...schema['~standard'], jsonSchema: conversionsOf(schema) },
})

/**
 * The same for a schema that the SDK publishes and does not check: the tool does, and names the
 * next step. An error of the SDK would name neither the code nor the argument that was meant.
 */
export const uncheckedSchema = (schema: Schema): Unchecked => {
  const { jsonSchema, vendor, version } = publishedSchema(schema)['~standard']
  return { '~standard': { jsonSchema, vendor, version, validate: (value: unknown) => ({ value }) } }
}
