import { assertions, longFiles, longFunctions } from './budgets.ts'
import * as habits from './habits.ts'
import type { Planted } from './source.ts'

const task = 'server/src/operations/tasks/claim.ts'

const lines = (count: number) => 'x()\n'.repeat(count)

export const plantedHabits: readonly Planted[] = [
  {
    what: 'a barrel',
    rule: habits.barrels,
    files: { 'server/src/tasks/index.ts': "export { a } from './a.ts'\nexport type { B } from './b.ts'" },
    says: ['server/src/tasks/index.ts'],
  },
  {
    what: "the client's way in, which is one",
    rule: habits.barrels,
    files: { 'client/src/index.ts': "export { a } from './a.ts'" },
    says: [],
  },
  {
    what: 'an export of everything',
    rule: habits.exportAll,
    files: { [task]: "const a = 1\nexport * from './a.ts'" },
    says: [`${task}:2`],
  },
  {
    what: 'any',
    rule: habits.anyType,
    files: { [task]: 'const a = (b: any): Array<any> => b' },
    says: [`${task}:1`, `${task}:1`],
  },
  { what: 'the word any in a text', rule: habits.anyType, files: { [task]: "const any = 'any'" }, says: [] },
  {
    what: 'a catch that does nothing',
    rule: habits.emptyCatch,
    files: { [task]: 'try { x() } catch { /* nothing */ }' },
    says: [`${task}:1`],
  },
  {
    what: 'default exports',
    rule: habits.defaultExports,
    files: { [task]: 'export default 5', 'cli/src/a.ts': 'export default function x() {}' },
    says: [`${task}:1`, 'cli/src/a.ts:1'],
  },
  {
    what: 'a configuration, which has one',
    rule: habits.defaultExports,
    files: { 'vitest.config.ts': 'export default {}' },
    says: [],
  },
  {
    what: 'something left to do',
    rule: habits.leftovers,
    files: { [task]: 'x()\n// TODO: more\n/* FIXME */\nconst todo = "TODO"' },
    says: [`${task}:2`, `${task}:3`],
  },
  {
    what: 'names that say nothing',
    rule: habits.names,
    files: {
      'server/src/utils/a.ts': '',
      'server/src/task-manager.ts': '',
      'tests/helpers.test.ts': '',
      'cli/src/lib/core.ts': '',
    },
    says: [
      'server/src/utils/a.ts',
      'server/src/task-manager.ts',
      'tests/helpers.test.ts',
      'cli/src/lib/core.ts',
      'cli/src/lib/core.ts',
    ],
  },
  {
    what: 'a mock',
    rule: habits.mockFree,
    files: { 'tests/a.test.ts': "vi.mock('./b.ts')\nvi.waitFor(() => x())" },
    says: ['tests/a.test.ts:1'],
  },
  {
    what: 'a test that sleeps',
    rule: habits.sleeps,
    files: {
      'tests/a.test.ts':
        "import { setTimeout as sleep } from 'node:timers/promises'\nawait new Promise((r) => setTimeout(r, 5))",
      'tests/b.test.ts': 'await vi.waitFor(() => x())\nawait new Promise((r) => setImmediate(r))',
    },
    says: ['tests/a.test.ts:1', 'tests/a.test.ts:2'],
  },
  {
    what: 'a file that is too long',
    rule: longFiles,
    files: { 'cli/src/a.ts': lines(300), 'cli/src/b.ts': lines(301) },
    says: ['cli/src/b.ts: 301 lines'],
  },
  {
    what: 'a function that is too long',
    rule: longFunctions,
    files: { 'cli/src/a.ts': `const f = () => {\n${lines(48)}}\nfunction g() {\n${lines(49)}}` },
    says: ['cli/src/a.ts:51: g has 51 lines'],
  },
  {
    what: 'assertions',
    rule: assertions,
    files: {
      'cli/src/a.ts':
        "import { a as b } from 'c'\nconst d = [1] as const\nconst e = d as unknown\nconst f = { a: 1 } satisfies object",
    },
    says: ['cli/src/a.ts:3: as unknown'],
  },
]
