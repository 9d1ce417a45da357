import { z } from 'zod'

type JsonSchema = z.core.JSONSchema._JSONSchema
type Schema = Exclude<JsonSchema, boolean>

/** One field of an input as an option of a command: its kind, and its words if it is an enum. */
interface InputField {
  readonly kind: 'text' | 'number' | 'flag' | 'texts' | 'json'
  readonly required?: true
  readonly nullable?: true
  readonly words?: readonly string[]
}

const kindByType: Readonly<Record<string, InputField['kind']>> = {
  string: 'text',
  integer: 'number',
  number: 'number',
  boolean: 'flag',
}

const isSchema = (schema: JsonSchema | readonly JsonSchema[] | undefined): schema is Schema =>
  typeof schema === 'object' && !Array.isArray(schema)

/** Splits `X | null` into X and the fact that it may be null. */
function withoutNull(schema: Schema): { readonly schema: Schema; readonly nullable: boolean } {
  const choices = schema.anyOf?.filter(isSchema) ?? []
  const others = choices.filter(({ type }) => type !== 'null')
  const [only] = others
  return others.length === 1 && only && choices.length > 1
    ? { schema: only, nullable: true }
    : { schema, nullable: false }
}

function kindOf(schema: Schema): Pick<InputField, 'kind' | 'words'> {
  const words = schema.enum?.filter((word) => typeof word === 'string')
  if (words && words.length > 0) return { kind: 'text', words }
  if (schema.const === true) return { kind: 'flag' }
  if (schema.type === 'array' && isSchema(schema.items)) {
    const item = kindOf(schema.items)
    return item.kind === 'text' ? { ...item, kind: 'texts' } : { kind: 'json' }
  }
  return { kind: (typeof schema.type === 'string' && kindByType[schema.type]) || 'json' }
}

function addFields(fields: Record<string, InputField>, schema: Schema, prefix: string, isRequired: boolean): void {
  for (const branch of [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(isSchema)) {
    const required = new Set(branch === schema && isRequired ? (branch.required ?? []) : [])
    for (const [name, property] of Object.entries(branch.properties ?? {})) {
      if (!isSchema(property)) continue
      const { schema: field, nullable } = withoutNull(property)
      fields[`${prefix}${name}`] = {
        ...kindOf(field),
        ...(required.has(name) ? { required: true } : {}),
        ...(nullable ? { nullable: true } : {}),
      }
      addFields(fields, field, `${prefix}${name}.`, required.has(name))
    }
  }
}

/** Returns the fields of an input by their names; those of an object in it have a dotted name. */
export function inputFieldsOf(input: z.ZodType): Record<string, InputField> {
  const fields: Record<string, InputField> = {}
  addFields(fields, z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }), '', true)
  return fields
}
