/**
 * Measures the repository's code and prose by the traits of a review of 2026-11-29. Prints each
 * figure beside the figure of that review; `--json` prints the measured figures alone.
 */
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { budgets, budgetUseOf } from '../tests/support/architecture/budgets.ts'
import { cycles } from '../tests/support/architecture/cycles.ts'
import { barrels } from '../tests/support/architecture/habits.ts'
import { type Measures, measure, widthsOf } from '../tests/support/architecture/measures.ts'
import {
  families,
  overusedIn,
  type ProseRates,
  proseTarget,
  proseWidth,
  ratesIn,
  wideComments,
  wideDocLines,
  withoutBlocks,
} from '../tests/support/architecture/prose.ts'
import {
  readOtherPrograms,
  readProduct,
  readTestPrograms,
  readTests,
  readTools,
  root,
  type Source,
} from '../tests/support/architecture/source.ts'

const packages = ['server', 'client', 'shared', 'bridge', 'cli', 'tools'] as const

const percent = (value: number): string => `${value} %`

/** The rows of the table of code: a trait, how it is printed, and its figure in the review. */
const traits: readonly (readonly [name: string, text: (measures: Measures) => string, before: string])[] = [
  ['files', ({ files }) => `${files}`, '477'],
  ['code lines', ({ codeLines }) => `${codeLines}`, '27327'],
  ['file lines: median / p90 / max', ({ fileLines: { median, p90, max } }) => `${median}/${p90}/${max}`, '55/142/299'],
  [
    'function lines: median / p99 / max',
    ({ functionLines: { median, p99, max } }) => `${median}/${p99}/${max}`,
    '7/42/50',
  ],
  ['functions > 60 lines (+ tables)', ({ longFunctions, longTables }) => `${longFunctions} (+${longTables})`, '0 (+5)'],
  ['any', (measures) => `${measures.any}`, '0'],
  ['@ts- comments', ({ tsComments }) => `${tsComments}`, '0'],
  ['non-null !', ({ nonNull }) => `${nonNull}`, '0'],
  ['TODO and the like', ({ leftovers }) => `${leftovers}`, '0'],
  ['as / kLOC, with as const', ({ assertionsPerThousand }) => `${assertionsPerThousand}`, '4.3'],
  ['as / kLOC, without as const', ({ assertionsWithoutConst }) => `${assertionsWithoutConst}`, '-'],
  ['catch / kLOC', ({ catchesPerThousand }) => `${catchesPerThousand}`, '3.4'],
  ['empty catch', ({ emptyCatches }) => `${emptyCatches}`, '0'],
  ['classes / kLOC, with errors', ({ classesPerThousand }) => `${classesPerThousand}`, '3.4'],
  ['classes / kLOC, without errors', ({ classesWithoutErrors }) => `${classesWithoutErrors}`, '-'],
  ['comment lines : code lines', ({ commentShare }) => percent(commentShare), '13 %'],
  [
    'comment width: p50 / p90 / max',
    ({ commentWidths: { median, p90, max } }) => `${median}/${p90}/${max}`,
    '74/122/186',
  ],
  ['comment lines > 100 columns', ({ commentWidths }) => percent(commentWidths.over100), '-'],
  ['comment lines > 120 columns', ({ commentWidths }) => percent(commentWidths.over120), '11.8 %'],
]

/** Rates of the review: comments that open with a question word (%), then uses per 1,000 words. */
const reviewedComments = [25.5, 2.66, 2.28, 14.5, 1.32, 1.95, 2.43]
const reviewedDocs = [1.06, 1.26, 7.2, 0.11, 1.29, 1.35]
/** The last row is the range over pg-boss, dbos, restate and nats. */
const referenceRates: readonly (readonly string[])[] = [
  ['pds', '0.3', '0', '0', '.14', '0', '0', '0'],
  ['river', '0.3', '.03', '.17', '.02', '.05', '.02', '.02'],
  ['graphile', '8.4', '.10', '.10', '.19', '.10', '0', '.10'],
  ['jose', '1.4', '.17', '0', '.51', '0', '0', '0'],
  ['kysely', '1.0', '.04', '.02', '.69', '0', '.09', '0'],
  ['4 others', '1.0–2.2', '0–.27', '0–.11', '0–.53', '0–.05', '0', '0'],
]

interface Page {
  readonly path: string
  readonly text: string
}

const readPages = (pattern: string): Page[] =>
  globSync(pattern, { cwd: root })
    .toSorted()
    .map((path) => ({ path, text: readFileSync(resolve(root, path), 'utf8') }))

const pageGroups = {
  README: readPages('README.md'),
  'docs/*.md': readPages('docs/*.md'),
  'docs/decisions': readPages('docs/decisions/*.md'),
}

function measurePages(pages: readonly Page[]) {
  const lines = pages.flatMap(({ text }) => text.split('\n')).filter((line) => line.trim() !== '')
  const widths = lines.map((line) => line.length)
  return {
    ...widthsOf(widths),
    over200: widths.filter((width) => width > 200).length,
    /** Lines that could be wrapped: no table rows, no code blocks. */
    tooWide: pages.reduce((sum, { path, text }) => sum + wideDocLines(path, text).length, 0),
  }
}

/** The production dependencies of each package. */
const countDependencies = (): Readonly<Record<string, number>> =>
  Object.fromEntries(
    packages.map((name) => {
      const manifest: { dependencies?: object } = JSON.parse(readFileSync(resolve(root, name, 'package.json'), 'utf8'))
      return [name, Object.keys(manifest.dependencies ?? {}).length]
    }),
  )

function measureHouse() {
  const product = readProduct()
  const tests = readTests()
  const pages = Object.values(pageGroups).flat()
  const inPackage = (name: string): Source[] => product.filter(({ path }) => path.startsWith(`${name}/`))
  const code = { product: measure(product), tests: measure(tests), scripts: measure(readTools()) }
  return {
    code: { ...code, ...Object.fromEntries(packages.map((name) => [name, measure(inPackage(name))])) },
    testRatio: Math.round((code.tests.codeLines / code.product.codeLines) * 100) / 100,
    circles: cycles(product).length,
    reExports: barrels(product).length,
    dependencies: countDependencies(),
    gates: budgetUseOf(product),
    pages: Object.fromEntries(Object.entries(pageGroups).map(([name, group]) => [name, measurePages(group)])),
    comments: families(product),
    docs: ratesIn(pages.map(({ text }) => withoutBlocks(text))),
    commentsByFolder: {
      ...Object.fromEntries(packages.map((name) => [name, families(inPackage(name))])),
      tests: families(readTestPrograms()),
      others: families(readOtherPrograms()),
    },
    tooWide: wideComments([...product, ...readTestPrograms(), ...readOtherPrograms()]).length,
  }
}

type HouseMeasures = ReturnType<typeof measureHouse>

/** Prints a table: the first column to the left, the others to the right. */
function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widthOf = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widthOf(0)) : cell.padStart(widthOf(column)))).join('  ')
  process.stdout.write(`${[`## ${title}`, '', ...rows.map((row) => line(row).trimEnd()), ''].join('\n')}\n`)
}

const transpose = (rows: readonly (readonly string[])[]): string[][] =>
  (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? ''))

const dependencyText = (counts: Readonly<Record<string, number>>): string =>
  packages.map((name) => counts[name]).join('/')

function printCode({ code, testRatio, circles, reExports, dependencies, gates }: HouseMeasures): void {
  const columns = Object.entries<Measures>(code)
  printTable('Code', [
    ['trait', 'review', ...columns.map(([name]) => name)],
    ...traits.map(([name, text, before]) => [name, before, ...columns.map(([, measures]) => text(measures))]),
  ])
  printTable('Whole product', [
    ['trait', 'review', 'now'],
    ['test : code, in code lines', '1.33', `${testRatio}`],
    ['import cycles of values', '0', `${circles}`],
    ["files that only re-export, without the packages' entries", '0', `${reExports}`],
    [`dependencies: ${packages.join('/')}`, '13/2/1/5/8/3', dependencyText(dependencies)],
  ])
  printTable('Gates of tests/architecture.test.ts, per 1,000 lines of every kind', [
    ['budget', 'limit', 'now'],
    ['file lines, median', `${budgets.medianFileLines}`, `${gates.median}`],
    ['function lines, p99', `${budgets.functionP99}`, `${gates.functionP99}`],
    ['type assertions, without as const', `${budgets.assertions}`, `${gates.assertions}`],
    ['classes, without errors', `${budgets.classes}`, `${gates.classes}`],
    ['catches', `${budgets.catches}`, `${gates.catches}`],
  ])
}

function printPages({ pages }: HouseMeasures): void {
  printTable('Lines of the docs, without blank lines (review: docs/*.md 118 over 200, max 609; decisions median 142)', [
    ['pages', 'median', 'p90', 'max', '> 100', '> 120', 'lines > 200', 'lines > 100 that can be wrapped'],
    ...Object.entries(pages).map(([name, { median, p90, max, over100, over120, over200, tooWide }]) => [
      name,
      ...[median, p90, max].map(String),
      percent(over100),
      percent(over120),
      ...[over200, tooWide].map(String),
    ]),
  ])
}

const cellsOf = ({ openings, families }: ProseRates): number[] => [openings, ...families.map(({ rate }) => rate)]

const labelsOf = ({ families }: ProseRates): string[] => ['opens with wh-, %', ...families.map(({ label }) => label)]

/** Returns the difference between a rate and that of the review, in per cent of the review. */
const changeOf = (now: readonly number[], before: readonly number[]): string[] =>
  now.map((rate, index) => {
    const change = Math.round((rate / (before[index] ?? rate) - 1) * 100)
    return `${change > 0 ? '+' : ''}${change} %`
  })

function printProse({ comments, docs, commentsByFolder, tooWide }: HouseMeasures): void {
  const [now, docsNow] = [cellsOf(comments), cellsOf(docs).slice(1)]
  const labels = labelsOf(comments)
  printTable(
    `Expressions in ${comments.texts} comments of the product, ${comments.words} words (review: 2802 and 42469), per 1,000 words`,
    transpose([
      ['', ...labels],
      ['now', ...now.map(String)],
      ['review', ...reviewedComments.map(String)],
      ['change', ...changeOf(now, reviewedComments)],
      ...referenceRates,
    ]),
  )
  printTable(
    'The same by folder',
    transpose([
      ['', ...labels],
      ...Object.entries<ProseRates>(commentsByFolder).map(([name, rates]) => [name, ...cellsOf(rates).map(String)]),
    ]),
  )
  printTable(
    `Expressions in the README and the docs without code blocks, ${docs.words} words (review: 43576), per 1,000 words`,
    transpose([
      ['', ...labels.slice(1)],
      ['now', ...docsNow.map(String)],
      ['review', ...reviewedDocs.map(String)],
      ['change', ...changeOf(docsNow, reviewedDocs)],
      ['river, pg-boss, nats, openworkflow', ...docsNow.map(() => '0–.2')],
    ]),
  )
  printTable('Distance to the target', [
    [`comment lines over ${proseWidth} columns: ${tooWide}`],
    ...overusedIn(comments, proseTarget).map((line) => [`comments, ${line}`]),
  ])
}

const note = 'The column "change" compares with the review of commit 07f3148. On that commit it is the measuring error.'

const house = measureHouse()
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(house, null, 2)}\n`)
else {
  printCode(house)
  printPages(house)
  printProse(house)
  process.stdout.write(`${note}\n`)
}
