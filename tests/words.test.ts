import { readdirSync } from 'node:fs'
import { errorCodes } from '@tony/mcp-shared/errors'
import { tools } from '@tony/mcp-tools/mcp-server'
import { expect, test } from 'vitest'
import { z } from 'zod'

const shared = new URL('../shared/src/', import.meta.url)

const isSchema = (value: unknown): value is z.ZodType => typeof value === 'object' && value !== null && '_zod' in value

/** Returns every schema that a module of shared exports, with the module and its name. */
async function sharedSchemas(): Promise<[string, z.ZodType][]> {
  const modules = readdirSync(shared).filter((file) => file.endsWith('.ts'))
  const exported = modules.map(async (file): Promise<[string, z.ZodType][]> => {
    const module: Readonly<Record<string, unknown>> = await import(new URL(file, shared).href)
    return Object.entries(module).flatMap(([name, value]) => (isSchema(value) ? [[`${file} ${name}`, value]] : []))
  })
  return (await Promise.all(exported)).flat()
}

const toolSchemas = tools.flatMap(({ name, input, output }): [string, z.ZodType][] => [
  [`${name} input`, input],
  [`${name} output`, output],
])

/** Returns the words of enums and literals anywhere in a JSON schema. */
function wordsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(wordsIn)
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, value]: [string, unknown]) =>
    key === 'enum' || key === 'const' ? [value].flat().filter((word) => typeof word === 'string') : wordsIn(value),
  )
}

/** Returns the words in the input and the output of a schema. */
const wordsOf = (schema: z.ZodType): Set<string> =>
  new Set(
    (['input', 'output'] as const).flatMap((io) => wordsIn(z.toJSONSchema(schema, { io, unrepresentable: 'any' }))),
  )

const snakeCase = '[a-z][a-z0-9]*(_[a-z0-9]+)*'

/** The form of a word, an event type or a permission. */
const convention = new RegExp(`^${snakeCase}([.:]${snakeCase})?$`)
const codes: ReadonlySet<string> = new Set(errorCodes)

const exceptions: Readonly<Record<string, string>> = {
  'tech-lead': 'a role and a type of agent: the contract writes it so',
  'in-progress': 'taken on input: the contract says that hyphens and underscores are equal in a status',
  'input-required': 'taken on input, likewise',
  'in-review': 'taken on input, likewise',
  '*': 'the scope of everything',
  'tony-mcp': 'the name of the product',
  '1h': 'a range of the history, written as a duration',
  '24h': 'likewise',
  '7d': 'likewise',
  acceptanceCriteria: 'the name of a field, of which `explain` returns the text',
}

const breaksConvention = (word: string): boolean => !convention.test(word) && !codes.has(word)

const schemas = [...(await sharedSchemas()), ...toolSchemas]

test('every word of a schema is snake_case, with listed exceptions', () => {
  const broken = schemas.flatMap(([name, schema]) =>
    [...wordsOf(schema)]
      .filter((word) => breaksConvention(word) && !Object.hasOwn(exceptions, word))
      .map((word) => `${name}: ${word}`),
  )
  expect(broken).toEqual([])
})

test('every exception is a word of some schema', () => {
  const used = new Set(schemas.flatMap(([, schema]) => [...wordsOf(schema)]))
  expect(Object.keys(exceptions).filter((word) => !used.has(word))).toEqual([])
})

test('the words of shared and of the tools are found', () => {
  const found = (prefix: string) =>
    schemas.filter(([name]) => name.startsWith(prefix)).flatMap(([, schema]) => [...wordsOf(schema)])
  expect(found('events.ts')).toEqual(expect.arrayContaining(['task.input_requested', 'checkpoint']))
  expect(found('messages.ts')).toEqual(expect.arrayContaining(['turn_end', 'INBOX_FULL']))
  expect(found('fail input')).toEqual(['retry', 'final', 'release'])
})

test.each([
  ['an enum', z.enum(['turnEnd'])],
  ['a field', z.object({ reason: z.enum(['ack wait over']) })],
  ['a list', z.array(z.enum(['task.timedOut']))],
  ['a key of a record', z.record(z.enum(['give-back']), z.int())],
  ['a literal', z.union([z.literal('agentOffline'), z.null()])],
  ['an input that is transformed', z.enum(['deadLetters:write']).transform((word) => word.length)],
])('a word of another convention is found in %s', (_, schema) => {
  expect([...wordsOf(schema)].filter(breaksConvention)).toHaveLength(1)
})
