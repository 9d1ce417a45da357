import { commentFaults, overusedFamilies, overusedOnPages, proseTarget, wideComments, wideDocLines } from './prose.ts'
import type { Planted, Rule } from './source.ts'
import { nameFaults } from './test-names.ts'

const task = 'server/src/tasks/claim.ts'

/** Returns a comment line of exactly this width. */
const lineOf = (width: number): string => `// ${'word '.repeat(40)}`.slice(0, width - 1).concat('x')

const widths: readonly Planted[] = [
  {
    what: 'comment lines of more than 100 columns',
    rule: wideComments,
    files: { [task]: `${lineOf(100)}\n${lineOf(101)}\nx()\n  /**\n   ${'*'.repeat(98)}\n   */` },
    says: [`${task}:2: a comment line of 101 columns`, `${task}:5: a comment line of 101 columns`],
  },
  {
    what: 'a wide line of code, a wide text and a comment inside a text, which are no comment lines',
    rule: wideComments,
    files: {
      [task]: `const a = '${'b'.repeat(100)}' // short\nconst c = \`\n// ${'d'.repeat(100)}\n\`\nx(/\\/\\/ ${'e'.repeat(100)}/)`,
    },
    says: [],
  },
]

const wideDocs: Rule = (pages) => pages.flatMap(({ path, text }) => wideDocLines(path, text))

const page = 'docs/tasks.md'

const docWidths: readonly Planted[] = [
  {
    what: 'lines of a page of more than 100 columns',
    rule: wideDocs,
    files: { [page]: `# A\n\n${'word '.repeat(20)}\n${'word '.repeat(21)}\n- ${'word '.repeat(20)}` },
    says: [`${page}:4: a line of 105 columns`, `${page}:5: a line of 102 columns`],
  },
  {
    what: 'a wide row, a wide code block and a long link, which cannot be wrapped',
    rule: wideDocs,
    files: {
      [page]: `| ${'cell '.repeat(30)}|\n\n\`\`\`js\n${'word '.repeat(30)}\n\`\`\`\n- [a](${'b'.repeat(120)})`,
    },
    says: [],
  },
]

const overused = overusedFamilies(proseTarget)

const wordings: readonly Planted[] = [
  ['whoever, whatever and whom', 'Refuses whoever asks.', 'whoever, whatever, whom: 333.33 per 1,000 words'],
  ['the one that', 'Drops the one that expired.', 'one(s) that/who: 200 per 1,000 words'],
  ['what is', 'Returns what is due.', 'those that; what is/was/it…: 250 per 1,000 words'],
  ['those that', 'Wakes those that wait.', 'those that; what is/was/it…: 250 per 1,000 words'],
  ['so many', 'Waits so long.', 'so many/much/long: 333.33 per 1,000 words'],
  ['for ever', 'Starts the sweep anew.', 'for ever, anew, meanwhile, by itself: 250 per 1,000 words'],
  ['a machine that is told', 'The agent is told twice.', 'is said/told/asked/heard: 200 per 1,000 words'],
].map(([what = '', comment = '', says = '']) => ({
  what: `a comment with ${what}`,
  rule: overused,
  files: { [task]: `/** ${comment} */` },
  says: [says],
}))

const ofFamilies: readonly Planted[] = [
  ...wordings,
  {
    what: 'comments that open with a question word',
    rule: overused,
    files: { [task]: '// Whether the lease is current.\nx()\n/** When the lease ends. */\ny() // Renews the lease.' },
    says: ['opens with a question word: 66.67 % of the comments, at most 3 %'],
  },
  {
    what: 'an expression that a line end of a comment splits',
    rule: overused,
    files: { [task]: '// Extends the lease by\n// itself.' },
    says: ['for ever, anew, meanwhile, by itself: 200 per 1,000 words'],
  },
  {
    what: 'plain comments, and an expression of a family in code or in a text',
    rule: overused,
    files: {
      [task]: "/** Renews the lease. */\nconst anew = 'whoever is told what is so'\n// Throws on a lost connection.",
    },
    says: [],
  },
]

const [aTest, aScript, anExample] = ['tests/api/tasks.claim.test.ts', 'scripts/build.ts', 'examples/chat.js']

const everywhere: readonly Planted[] = [
  {
    what: 'bad comments of a test, a script and an example',
    rule: commentFaults,
    files: {
      [aTest]: `${lineOf(101)}\nx()`,
      [aScript]: '/** Whether it builds. */\nx()',
      [anExample]: '// Whoever asks is told.\nx()',
    },
    says: [
      `${aTest}:1: a comment line of 101 columns`,
      'opens with a question word: 66.67 % of the comments, at most 3 %',
      'whoever, whatever, whom: ',
      'is said/told/asked/heard: ',
    ],
  },
]

const testNames: readonly Planted[] = [
  {
    what: 'a replaced word and a clause without a noun in names of tests',
    rule: nameFaults,
    files: { [aTest]: "describe('a mailbox', () => {\n  test.skipIf(x).each(y)('whoever asks waits', z)\n})" },
    says: [
      `${aTest}:1: the name of a test has the replaced word mailbox`,
      'opens with a question word: 50 % of the comments, at most 3 %',
      'whoever, whatever, whom: 200 per 1,000 words',
    ],
  },
  {
    what: 'plain names, a dead letter, and a row of a table',
    rule: nameFaults,
    files: { [aTest]: "test.each(['what is due'])('a dead letter has %s', z)\nexpect('nobody')" },
    says: [],
  },
]

const onPages: readonly Planted[] = [
  {
    what: 'an expression of a family on a page',
    rule: overusedOnPages(proseTarget),
    files: { [page]: '# A\n\nThe server refuses\nwhoever asks.' },
    says: ['whoever, whatever, whom: 142.86 per 1,000 words'],
  },
  {
    what: 'the name of a test and code on a page, which are no words of the page',
    rule: overusedOnPages(proseTarget),
    files: { [page]: '# A\n\n`a.test.ts`: "whoever\nasks anew"\n\n```js\nwhoever()\n```\n\n`so many`' },
    says: [],
  },
]

export const plantedProse: readonly Planted[] = [
  ...widths,
  ...docWidths,
  ...ofFamilies,
  ...everywhere,
  ...testNames,
  ...onPages,
]
