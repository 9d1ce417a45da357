import fc from 'fast-check'
import type { Schema } from './openapi-world.ts'

/** Letters of several scripts, and marks that a path or a query escapes. */
const letters = fc.constantFrom(...'abcXYZ019 -_.,/?&=%+#"\'<>äßЖ漢😀')

const lengthOf = ({ minLength = 0, maxLength = 40 }: Schema) => ({
  minLength,
  maxLength: Math.max(minLength, Math.min(maxLength, 40)),
})

const textOf = (schema: Schema) => fc.array(letters, lengthOf(schema)).map((all) => all.join(''))

const dates = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())

/** Texts of the patterns of the description, and others, which must be refused. */
const patterned = (schema: Schema): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('ada', 'port:1', 'file:src/a', 'pool:ci', '42', '0'.repeat(64), 'Xy12Ab34Cd56'),
    },
    { weight: 1, arbitrary: textOf(schema) },
  )

function stringOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.format === 'uuid') return fc.uuid({ version: 7 })
  if (schema.format === 'date-time') return dates
  if (schema.pattern !== undefined) return patterned(schema)
  return textOf(schema)
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, arbitraryOf(inner)]))
  const own = fc.record(fields, { requiredKeys: required.filter((name) => name in fields) })
  if (typeof additionalProperties !== 'object') return own
  const extra = fc.dictionary(fc.constantFrom('a', 'b', 'ci'), arbitraryOf(additionalProperties), { maxKeys: 2 })
  return fc.tuple(own, extra).map(([fixed, more]) => ({ ...more, ...fixed }))
}

function typedOf(type: string, schema: Schema): fc.Arbitrary<unknown> {
  const { minimum = -1_000_000, maximum = 1_000_000 } = schema
  const [min, max] = [Math.max(minimum, -(2 ** 53)), Math.min(maximum, 2 ** 53)]
  if (type === 'string') return stringOf(schema)
  if (type === 'integer') return fc.maxSafeInteger().map((n) => Math.max(min, Math.min(max, n)))
  if (type === 'number') return fc.double({ min, max, noNaN: true, noDefaultInfinity: true })
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array')
    return fc.array(arbitraryOf(schema.items ?? {}), {
      minLength: schema.minItems ?? 0,
      maxLength: Math.max(schema.minItems ?? 0, Math.min(schema.maxItems ?? 3, 3)),
    })
  return objectOf(schema)
}

/** Returns values that a schema of the description accepts, or nearly accepts. */
export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(arbitraryOf))
  const types = schema.type === undefined ? [] : [schema.type].flat()
  const [type, ...others] = types
  if (type === undefined) return fc.jsonValue({ maxDepth: 2 })
  if (others.length === 0) return typedOf(type, schema)
  return fc.oneof(...types.map((one) => typedOf(one, schema)))
}
