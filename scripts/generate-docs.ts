/**
 * Writes the generated tables and diagrams of the docs: the procedures from the router, the states
 * from the tables of transitions, the errors from their list, the effects of plans from their
 * table, and the commands from the command line. It needs a build. `--check` compares instead of
 * writing.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { restRoutes } from '@tony/mcp-server/api/rest/routes'
import { errorPolicies } from '@tony/mcp-shared/errors'
import { messageTransitions } from '@tony/mcp-shared/messages'
import { type Permission, policy } from '@tony/mcp-shared/policy'
import { roles } from '@tony/mcp-shared/roles'
import { taskTransitions } from '@tony/mcp-shared/task-transitions'
import { z } from 'zod'
import { exitCodesText } from '../cli/src/exit-codes.ts'
import { type EffectFormat, type LabelEffect, type StateEffect, trackerEffects } from '../cli/src/plan/effects.ts'
import { commandTable } from './command-table.ts'

const rowOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [rowOf(head), rowOf(head.map(() => '---')), ...rows.map(rowOf)].join('\n')

/** Returns the lowest roles with a permission. Developer and tester have the same rank. */
function lowestRoles(permission: Permission | 'open'): string {
  if (permission === 'open') return 'none'
  const allowedRoles = roles.filter((role) => policy[role].has(permission))
  const lowestRank = Math.min(...allowedRoles.map((role) => policy[role].size))
  return allowedRoles.filter((role) => policy[role].size === lowestRank).join(', ')
}

function repeatOf({ kind, meta, input }: Parameters<Parameters<(typeof procedures)['forEach']>[0]>[0]): string {
  if (kind === 'query') return 'yes'
  if (kind === 'subscription') return 'resumes'
  if (meta.repeatable) return 'yes'
  const { properties } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' })
  return properties?.['idempotencyKey'] === undefined ? 'no' : 'with its key'
}

const routeByProcedure = new Map(restRoutes.map(({ procedure, method, path }) => [procedure, `\`${method} ${path}\``]))

const procedureRows = [...procedures].map(([path, form]) => [
  `\`${path}\``,
  form.kind,
  form.meta.permission === 'open' ? 'open' : `\`${form.meta.permission}\``,
  lowestRoles(form.meta.permission),
  repeatOf(form),
  routeByProcedure.get(path) ?? '',
])

const procedureTable = tableOf(['procedure', 'kind', 'permission', 'lowest role', 'repeatable', 'REST'], procedureRows)

type Transitions = Readonly<Record<string, { readonly from: readonly string[]; readonly to: string }>>

/** The transitions by which an import reopens tasks. Its states are ends for everyone else. */
const reopeningTransitions: ReadonlySet<string> = new Set(['reopen'])

/**
 * Draws one arrow for each pair of states, labelled with its transitions. A state that only has
 * incoming transitions is an end.
 */
function diagramOf(transitions: Transitions, initialStates: Readonly<Record<string, string>>): string {
  const arrows = new Map<string, string[]>()
  for (const [transition, { from, to }] of Object.entries(transitions)) {
    for (const state of from)
      arrows.set(`${state} --> ${to}`, [...(arrows.get(`${state} --> ${to}`) ?? []), transition])
  }
  const exits = Object.entries(transitions).filter(([transition]) => !reopeningTransitions.has(transition))
  const statesWithExit = new Set(exits.flatMap(([, { from }]) => from))
  const endStates = new Set(Object.values(transitions).flatMap(({ to }) => (statesWithExit.has(to) ? [] : [to])))
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...Object.entries(initialStates).map(([state, transition]) => `  [*] --> ${state}: ${transition}`),
    ...[...arrows].map(([arrow, names]) => `  ${arrow}: ${names.join(', ')}`),
    ...[...endStates].map((state) => `  ${state} --> [*]`),
    '```',
  ].join('\n')
}

const errorTable = tableOf(
  ['code', 'HTTP', 'tRPC code', 'retryable', 'applied'],
  Object.entries(errorPolicies).map(([code, { http, trpc, retryable, applied }]) => [
    `\`${code}\``,
    String(http),
    `\`${trpc}\``,
    retryable ? 'yes' : 'no',
    applied,
  ]),
)

function labelText(effect: LabelEffect): string {
  if (effect === 'none') return 'none'
  if ('kind' in effect) return `the kind ${effect.kind}`
  return 'priority' in effect ? `the priority ${effect.priority}` : `held: ${effect.hold}`
}

/** The words of another tracker and their effects. */
function effectTable(format: EffectFormat): string {
  const { states, edges, kinds, flags, labels = {} } = trackerEffects[format]
  const inWords = (effect: string) => effect.replaceAll('_', ' ')
  const stateText = ({ status, hold }: StateEffect) => (hold === undefined ? status : `held: ${hold}`)
  const rows = [
    ...Object.entries(states).map(([word, effect]) => ['state', `\`${word}\``, stateText(effect)]),
    ...Object.entries(edges).map(([word, effect]) => ['edge', `\`${word}\``, effect]),
    ...Object.entries(kinds).map(([word, effect]) => ['kind', `\`${word}\``, inWords(effect)]),
    ...Object.entries(flags).map(([word, effect]) => ['flag', `\`${word}\``, inWords(effect)]),
    ...Object.entries(labels).map(([word, effect]) => ['label', `\`${word}\``, labelText(effect)]),
  ]
  return tableOf(['', 'word', 'effect'], rows)
}

/** The exit codes, from the help. */
const exitCodeTable = tableOf(
  ['code', 'meaning'],
  [...exitCodesText.matchAll(/^ {2}(\d+) +(.+)$/gm)].map(([, code = '', meaning = '']) => [`\`${code}\``, meaning]),
)

/** The generated parts of each file, by the name in the two comments around them. */
const generatedParts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'docs/cli.md': { commands: await commandTable(), 'exit codes': exitCodeTable },
  'docs/plans.md': {
    beads: effectTable('beads'),
    taskmaster: effectTable('taskmaster'),
    athms: effectTable('athms'),
    github: effectTable('github'),
    markdown: effectTable('markdown'),
  },
  'docs/procedures.md': { procedures: procedureTable },
  'docs/tasks.md': { 'task states': diagramOf(taskTransitions, { blocked: 'create', pending: 'create' }) },
  'docs/messages.md': { 'message states': diagramOf(messageTransitions, { pending: 'send' }) },
  'docs/protocol.md': { errors: errorTable },
}

function replaceParts(file: string, text: string, generated: Readonly<Record<string, string>>): string {
  let written = text
  for (const [name, part] of Object.entries(generated)) {
    const [start, end] = [`<!-- generated: ${name} -->`, '<!-- end of generated -->']
    const from = written.indexOf(start)
    const to = written.indexOf(end, from)
    if (from < 0 || to < 0) throw new Error(`${file} lacks the comments around "${name}": ${start} … ${end}`)
    written = `${written.slice(0, from + start.length)}\n\n${part}\n\n${written.slice(to)}`
  }
  return written
}

for (const [file, generated] of Object.entries(generatedParts)) {
  const path = new URL(`../${file}`, import.meta.url)
  const before = readFileSync(path, 'utf8')
  const after = replaceParts(file, before, generated)
  if (!process.argv.includes('--check')) writeFileSync(path, after)
  else if (before !== after) {
    process.stderr.write(`${file} does not match the code: npm run build && node scripts/generate-docs.ts\n`)
    process.exitCode = 1
  }
}
