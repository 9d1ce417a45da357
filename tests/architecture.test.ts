import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  assertions,
  budgets,
  budgetUseOf,
  catches,
  classes,
  lineCount,
  longFiles,
  longFunctions,
} from './support/architecture/budgets.ts'
import { cycles } from './support/architecture/cycles.ts'
import { exampleKeys, schemaKeys, tableKeys } from './support/architecture/environment.ts'
import {
  anyType,
  barrels,
  defaultExports,
  emptyCatch,
  exportAll,
  leftovers,
  mockFree,
  names,
  sleeps,
} from './support/architecture/habits.ts'
import { layers, unknownLayers } from './support/architecture/layers.ts'
import { diallingOut, expressionOwners, packageOwners, pureOperations } from './support/architecture/owners.ts'
import { planted } from './support/architecture/planted.ts'
import { plantedProse } from './support/architecture/planted-prose.ts'
import { commentFaults, overusedOnPages, proseTarget, wideDocLines } from './support/architecture/prose.ts'
import {
  parseSource,
  readOtherPrograms,
  readProduct,
  readTestPrograms,
  readTests,
  readTools,
  root,
} from './support/architecture/source.ts'
import { styleDifferences } from './support/architecture/style.ts'
import { nameFaults } from './support/architecture/test-names.ts'
import { onPages, pages, textOf } from './support/pages.ts'

const product = readProduct()
const tests = readTests()
const [testPrograms, otherPrograms] = [readTestPrograms(), readOtherPrograms()]
const all = [...product, ...tests, ...readTools()]
const use = budgetUseOf(product)

describe('the checker finds', () => {
  test.each([...planted, ...plantedProse])('$what', ({ rule, files, says }) => {
    const said = rule(Object.entries(files).map(([path, text]) => parseSource(path, text)))
    expect(said).toHaveLength(says.length)
    for (const [index, beginning] of says.entries()) expect(said[index]?.startsWith(beginning), said[index]).toBe(true)
  })

  test('every file', () => {
    expect(product.length).toBeGreaterThan(100)
    expect(tests.length).toBeGreaterThan(50)
    const programs = [...product, ...testPrograms, ...otherPrograms].map(({ path }) => path)
    expect(programs.filter((path) => path.includes('dist/') || path.includes('node_modules'))).toEqual([])
    const folders = ['tests/api/', 'tests/support/children/', 'scripts/', 'bench/', 'demo/', 'examples/']
    expect(folders.filter((folder) => !programs.some((path) => path.startsWith(folder)))).toEqual([])
    for (const ending of ['.ts', '.tsx', '.js', '.mjs'])
      expect(programs.some((path) => path.endsWith(ending))).toBe(true)
  })

  test('the keys of a schema, of an example and of a table', () => {
    const config = parseSource(
      'config.ts',
      'const limits = { a: 1 }\nconst environment = z.object({ B_KEY: z.object({ c: 1 }), A_KEY: x })',
    )
    expect(schemaKeys(config)).toEqual(['A_KEY', 'B_KEY'])
    expect(exampleKeys('# words\nA_KEY=1\n# B_KEY=\n')).toEqual(['A_KEY', 'B_KEY'])
    expect(tableKeys('| Variable | |\n|---|---|\n| `A_KEY` | text `C_KEY` |\n| `B_KEY` | |\n')).toEqual([
      'A_KEY',
      'B_KEY',
    ])
  })
})

describe('imports', () => {
  test('lead to lower layers: shared, platform, store, domain, operations, guards and sweeps, api, transports, server', () => {
    expect(unknownLayers(product)).toEqual([])
    expect(layers(product)).toEqual([])
  })

  test('form no cycle, types included', () => {
    expect(cycles(product)).toEqual([])
    expect(cycles(tests)).toEqual([])
  })

  test('of the log, metrics, tokens, drivers and tRPC are in one place each', () => {
    expect(packageOwners(product)).toEqual([])
    expect(pureOperations(product)).toEqual([])
  })
})

test('the environment, the clock, random numbers and timers are used in one place each', () => {
  expect(expressionOwners(product)).toEqual([])
})

test('the server connects only to the configured issuers, its database and the endpoints of webhooks', () => {
  expect(diallingOut(product)).toEqual([])
})

describe('no file', () => {
  test.each([
    ['only re-exports others', barrels],
    ['exports everything of another file', exportAll],
    ['has the type any', anyType],
    ['catches an error and does nothing', emptyCatch],
    ['has a default export, except configurations', defaultExports],
    ['has a TODO or the like', leftovers],
    ['has a name without a meaning', names],
    ['has more than 300 lines', longFiles],
  ])('%s', (_, rule) => {
    expect(rule(all)).toEqual([])
  })

  test('of the tests mocks anything', () => {
    expect(mockFree(tests)).toEqual([])
  })

  test('of the tests sleeps', () => {
    expect(sleeps(tests)).toEqual([])
  })

  test('of the product has a function of more than 50 lines', () => {
    expect(longFunctions(product)).toEqual([])
  })
})

describe('the product as a whole', () => {
  test('keeps its budgets', () => {
    const { files, lines, median, max, functionP99 } = use
    const ratio = Math.round((lineCount(tests) / lines) * 100) / 100
    process.stdout.write(
      `${files} files, ${lines} lines, median ${median}, max ${max}; functions p99 ${functionP99}; per 1000 lines: as ${use.assertions}, classes ${use.classes}, catches ${use.catches}; tests ${ratio} × source\n`,
    )
    expect(median).toBeLessThanOrEqual(budgets.medianFileLines)
    expect(functionP99).toBeLessThanOrEqual(budgets.functionP99)
  })

  test('asserts types at most three times in a thousand lines', () => {
    expect(use.assertions, assertions(product).join('\n')).toBeLessThanOrEqual(budgets.assertions)
  })

  test('has at most two and a half classes in a thousand lines, without error classes', () => {
    expect(use.classes, classes(product).join('\n')).toBeLessThanOrEqual(budgets.classes)
  })

  test('catches at most three and a half times in a thousand lines', () => {
    expect(use.catches, catches(product).join('\n')).toBeLessThanOrEqual(budgets.catches)
  })
})

describe('the prose', () => {
  test.each([
    ['the product', product],
    ['the tests', testPrograms],
    ['the scripts, the benchmarks, the demo and the examples', otherPrograms],
  ])('of comments in %s is at most 100 columns wide and has a noun for each subject', (_, sources) => {
    expect(commentFaults(sources)).toEqual([])
  })

  test('of test names has standard words and a noun for each subject', () => {
    expect(nameFaults(tests)).toEqual([])
  })

  test('of pages is at most 100 columns wide', () => {
    expect(onPages((text, page) => wideDocLines(page, text))).toEqual([])
  })

  test('of pages has a noun for each subject', () => {
    expect(overusedOnPages(proseTarget)(pages.map((page) => ({ text: textOf(page) })))).toEqual([])
  })
})

describe('STYLE.md', () => {
  const page = textOf('STYLE.md')

  test('states the limits of the gates', () => {
    expect(styleDifferences(page)).toEqual([])
  })

  test.each([
    ['another number', 'at most 300 lines', 'at most 301 lines', 2],
    ['no number', '99 of 100 have at most 45', '99 of 100 are short', 1],
    ['a number without a gate', '# Style', '# Style\n\nA name has at most 20 letters.', 1],
  ])('is refused when it states %s', (_, before, after, differences) => {
    expect(styleDifferences(page.replaceAll(before, after))).toHaveLength(differences)
  })
})

describe('a variable of the environment', () => {
  const config = product.find(({ path }) => path === 'server/src/config.ts')
  const keys = config ? schemaKeys(config) : []

  test('is read by the configuration', () => {
    expect(keys).toContain('MCP_PORT')
  })

  test.runIf(existsSync(resolve(root, '.env.example')))('is in .env.example, and no other is', () => {
    expect(exampleKeys(textOf('.env.example'))).toEqual(keys)
  })

  test.runIf(existsSync(resolve(root, 'README.md')))('is in the table of the README, and no other is', () => {
    expect(tableKeys(textOf('README.md'))).toEqual(keys)
  })
})
