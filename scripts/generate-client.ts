/**
 * Writes the client's types and its table of procedures from the router, so that no type of the
 * server reaches the client and none is written twice, and the table of input fields for
 * `tony-mcp api`. The build runs it after the server. `--check` compares instead of writing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { agent } from '@tony/mcp-shared/agents'
import { deadLetter } from '@tony/mcp-shared/dead-letters'
import { errorPolicies } from '@tony/mcp-shared/errors'
import { event } from '@tony/mcp-shared/events'
import { delivery, message } from '@tony/mcp-shared/messages'
import { project } from '@tony/mcp-shared/projects'
import { leasedTask, task } from '@tony/mcp-shared/tasks'
import { z } from 'zod'
import { inputFieldsOf } from './input-fields.ts'

const apiFile = new URL('../client/src/generated/api.ts', import.meta.url)

/**
 * Shared files that the client needs at run time. They are copied, because the client's package
 * does not depend on the shared one.
 */
const copiedFiles = ['untrusted-text'] as const

/** The schemas with names, each of which is printed once. */
const namedSchemas = z.registry<{ id: string }>()
for (const [name, schema] of Object.entries({
  Agent: agent,
  Task: task,
  LeasedTask: leasedTask,
  Delivery: delivery,
  Message: message,
  DeadLetter: deadLetter,
  FeedEvent: event,
  Project: project,
})) {
  namedSchemas.add(schema, { id: name === 'Agent' ? 'AgentInfo' : name })
}

type JsonSchema = z.core.JSONSchema._JSONSchema

const definitions = new Map<string, string>()

function objectType(schema: z.core.JSONSchema.BaseSchema): string {
  const required = new Set(schema.required ?? [])
  const fields = Object.entries(schema.properties ?? {}).map(
    ([key, value]) =>
      `${JSON.stringify(key).replace(/^"([A-Za-z_]\w*)"$/, '$1')}${required.has(key) ? '' : '?'}: ${typeTextOf(value)}${required.has(key) ? '' : ' | undefined'}`,
  )
  const rest = schema.additionalProperties
  if (fields.length === 0) return `Record<string, ${rest === undefined || rest === false ? 'never' : typeTextOf(rest)}>`
  const open = typeof rest === 'object' ? ['[key: string]: unknown'] : []
  return `{ ${[...fields, ...open].join('; ')} }`
}

function typeTextOf(schema: JsonSchema): string {
  if (typeof schema === 'boolean') return 'unknown'
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return [...new Set(choices.map(typeTextOf))].join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeTextOf({ ...schema, type })).join(' | ')
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'number':
    case 'integer':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'null':
      return 'null'
    case 'array':
      return `readonly (${typeof schema.items === 'object' && !Array.isArray(schema.items) ? typeTextOf(schema.items) : 'unknown'})[]`
    case 'object':
      return objectType(schema)
    default:
      return 'unknown'
  }
}

function schemaTypeTextOf(schema: z.ZodType, io: 'input' | 'output'): string {
  const json = z.toJSONSchema(schema, { io, metadata: namedSchemas, unrepresentable: 'any' })
  for (const [name, definition] of Object.entries(json.$defs ?? {})) definitions.set(name, typeTextOf(definition))
  return typeTextOf(json)
}

/** A node in the tree of procedure paths: further nodes, or the procedures at its leaves. */
interface Branch extends Map<string, Branch | string> {}

/** Returns the default of an input field. Throws if it is not a number. */
function defaultOf(input: z.core.JSONSchema.BaseSchema, field: string): number {
  const schema = input.properties?.[field]
  if (typeof schema !== 'object' || typeof schema.default !== 'number') throw new Error(`${field} has no default`)
  return schema.default
}

const procedureLines: string[] = []
const procedureTree: Branch = new Map()

function addProcedure(branch: Branch, [name = '', ...rest]: readonly string[], procedure: string): void {
  if (rest.length === 0) {
    branch.set(name, procedure)
    return
  }
  const existing = branch.get(name)
  const child: Branch = existing instanceof Map ? existing : new Map()
  branch.set(name, child)
  addProcedure(child, rest, procedure)
}

const printTree = (branch: Branch, indent: string): string[] =>
  [...branch].map(([name, below]) =>
    below instanceof Map
      ? `${indent}readonly ${name}: {\n${printTree(below, `${indent}  `).join('\n')}\n${indent}}`
      : `${indent}${name}${below}`,
  )

for (const [path, { kind, meta, input, output: reply }] of procedures) {
  const inputJson = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' })
  const hasKey = inputJson.properties?.['idempotencyKey'] !== undefined
  const repeat = kind === 'query' || meta.repeatable ? 'safe' : hasKey ? 'keyed' : 'unsafe'
  const waits =
    meta.waitField === undefined
      ? ''
      : `, waits: { field: '${meta.waitField}', byDefault: ${defaultOf(inputJson, meta.waitField)} }`
  procedureLines.push(
    `  '${path}': { kind: '${kind}', repeat: '${kind === 'subscription' ? 'safe' : repeat}'${waits} },`,
  )
  const optional = input.safeParse({}).success
  const inputType = `${schemaTypeTextOf(input, 'input')}`.replace(/ \| undefined$/, '')
  const parameter = `input${optional ? '?' : ''}: ${inputType}`
  const options = kind === 'subscription' ? 'options?: SubscribeOptions' : 'options?: CallOptions'
  const result =
    kind === 'subscription'
      ? `Subscription<${schemaTypeTextOf(reply, 'output')}>`
      : `Promise<${schemaTypeTextOf(reply, 'output')}>`
  addProcedure(procedureTree, path.split('.'), `(${parameter}, ${options}): ${result}`)
}

const typeDeclarations = [...definitions]
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([name, type]) => `export type ${name} = ${type}`)
const policies = Object.entries(errorPolicies).map(
  ([code, { http, retryable, applied }]) =>
    `  ${code}: { http: ${http}, retryable: ${retryable}, applied: '${applied}' },`,
)
const text = `// Written by scripts/generate-client.ts from the router. Do not edit.
import type { CallOptions, Subscription, SubscribeOptions } from '../api/calls.ts'

${typeDeclarations.join('\n\n')}

/** Every procedure of the server, typed. */
export interface Api {
${printTree(procedureTree, '  ').join('\n')}
}

/** The kind of each procedure, and if its calls may be repeated after a lost reply. */
export const procedures = {
${procedureLines.join('\n')}
} as const

/** Every error code of the server. */
export const errorPolicies = {
${policies.join('\n')}
} as const
`

const fieldsText = `// Written by scripts/generate-client.ts from the router. Do not edit.
import type { ProcedureInput } from '../api/input.ts'

/** The input fields of every procedure. */
export const procedureInputs: Readonly<Record<string, ProcedureInput>> = {
${[...procedures].map(([path, { kind, input }]) => `  '${path}': ${JSON.stringify({ kind, fields: inputFieldsOf(input) })},`).join('\n')}
}
`

const generatedFiles = [
  [apiFile, text] as const,
  [new URL('../cli/src/generated/procedures.ts', import.meta.url), fieldsText] as const,
  ...copiedFiles.map((name) => {
    const from = readFileSync(new URL(`../shared/src/${name}.ts`, import.meta.url), 'utf8')
    const head = `// Copied by scripts/generate-client.ts from shared/src/${name}.ts. Do not edit.\n`
    return [new URL(`${name}.ts`, apiFile), `${head}${from}`] as const
  }),
]
for (const [file, wanted] of generatedFiles) {
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('.', file), { recursive: true })
    writeFileSync(file, wanted)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== wanted) {
    process.stderr.write(`${file.pathname} is outdated: npm run build\n`)
    process.exitCode = 1
  }
}
