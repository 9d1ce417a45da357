import { describe, expect, test } from 'vitest'
import { absentFileNames, absentNames, absentPaths, absentTests } from './support/claims.ts'
import { onPages } from './support/pages.ts'

const file = '`tests/docs.test.ts`'

describe('the checker finds', () => {
  test.each([
    ['a path that does not exist', absentPaths, 'see `server/src/nowhere.ts`', 'see `server/src/server.ts`'],
    ['a file name that no folder has', absentFileNames, 'see `nowhere.ts`', 'see `server.ts`'],
    ['a test that a file lacks', absentTests, `${file}: "is absent"`, `${file}: "every page"`],
    ['the second of two tests', absentTests, `${file} ("every\npage", "no such test")`, `${file} ("every page")`],
    ['a name before a file', absentNames, '`Nowhere`\n(`server/src/server.ts`)', '`start` (`server/src/server.ts`)'],
    ['a name in a file', absentNames, '`Nowhere` in `server/src/server.ts`', '`sweeps` in `server/src/server.ts`'],
    [
      'a name after a file',
      absentNames,
      '`server/src/server.ts`: `sweeps`, `Nowhere`',
      '`server/src/server.ts`: `start`',
    ],
    [
      'a member of an object',
      absentNames,
      '`tx.nowhere` (`server/src/server.ts`)',
      '`ctx.start` (`server/src/server.ts`)',
    ],
  ])('%s', (_, rule, wrong, right) => {
    expect(rule(wrong)).toHaveLength(1)
    expect(rule(right)).toEqual([])
  })
})

describe('a page', () => {
  test.each([
    ['names paths that exist', absentPaths],
    ['names files that exist', absentFileNames],
    ['names tests of the file before them', absentTests],
    ['names identifiers of the file beside them', absentNames],
  ])('%s', (_, rule) => {
    expect(onPages(rule)).toEqual([])
  })
})
