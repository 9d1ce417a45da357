import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { root, textOf } from './support/pages.ts'

interface Step {
  readonly title: string
  readonly path: string
  /** The names in backticks after the path. */
  readonly names: readonly string[]
}

const [, recipe = ''] = textOf('CONTRIBUTING.md').split('\n## A new procedure\n')
const [section = ''] = recipe.split('\n## ')
const [, procedure = '', noun = '', verb = ''] = /The example is `((\w+)\.(\w+))`/.exec(section) ?? []

/** The numbered steps: a title, a path, and the names that the file must contain. */
const steps = [...section.matchAll(/^\d+\. \*\*(.+?)\*\*, `([^`]+)`: ((?:.|\n {3})+)/gm)].map(
  ([, title = '', path = '', text = '']): Step => ({
    title,
    path,
    names: [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  }),
)

const stepOf = (title: string): Step => {
  const step = steps.find((one) => one.title === title)
  if (!step) throw new Error(`the recipe has no step ${title}`)
  return step
}

/** Returns the entry of the procedure in its router: the text from its name to the next entry. */
function routerEntry(): string {
  const text = textOf(stepOf('Router').path)
  const [, entry = ''] = text.split(new RegExp(`^ {2}${verb}: (?=mutation|query|subscription)`, 'm'))
  return entry.split(/^ {2}\w+: /m)[0] ?? ''
}

const [operation = ''] = stepOf('Operation').names
const schemas = stepOf('Schemas').names

test('the recipe for a procedure has five steps, each with a file that exists', () => {
  expect(steps.map(({ title }) => title)).toEqual(['Schemas', 'Operation', 'Router', 'Tests', 'Equality case'])
  expect(steps.filter(({ path }) => !existsSync(resolve(root, path)))).toEqual([])
})

test('its schemas are in their file: an input and an output', () => {
  expect(schemas.map((name) => /(Input|Output)$/.exec(name)?.[0])).toEqual(['Input', 'Output'])
  const absent = schemas.filter((name) => !textOf(stepOf('Schemas').path).includes(`export const ${name} = `))
  expect(absent).toEqual([])
})

test('its operation is in the file with the name of the procedure, and uses the schemas', () => {
  const { path, names } = stepOf('Operation')
  const fileName = verb.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  expect(path).toBe(`server/src/operations/${noun}/${fileName}.ts`)
  expect(textOf(path)).toMatch(new RegExp(`export (async )?function ${operation}\\(`))
  const module = stepOf('Schemas').path.replace('shared/src/', '@tony/mcp-shared/').replace('.ts', '')
  expect(textOf(path)).toContain(`{ ${schemas.join(', ')} } from '${module}'`)
  const [statementFile = ''] = names.filter((name) => name.endsWith('.ts'))
  expect(textOf(statementFile)).toContain('.where(')
})

test('its router names the permission, the schemas and the operation', () => {
  const { path, names } = stepOf('Router')
  const [entryName, permission = ''] = names
  expect(path).toBe(`server/src/api/${noun}.ts`)
  expect(entryName).toBe(verb)
  const absent = [`'${permission}'`, ...schemas, operation].filter((name) => !routerEntry().includes(name))
  expect(absent).toEqual([])
  expect(textOf('shared/src/policy.ts')).toContain(`'${permission}'`)
})

test('its tests call it, and the equality cases have an entry for it', () => {
  expect(textOf(stepOf('Tests').path)).toContain(`.${procedure}(`)
  const { path, names } = stepOf('Equality case')
  expect(names).toContain(procedure)
  expect(textOf(path)).toContain(`'${procedure}': {`)
})
