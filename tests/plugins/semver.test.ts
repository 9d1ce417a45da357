import { describe, expect, test } from 'vitest'
import { isOlder, isRange, isVersion, satisfies } from '../../client/src/plugin/semver.ts'

describe('a version is in a range', () => {
  test.each([
    ['1.2.3', '1.2.3'],
    ['1.2.3', '=1.2.3'],
    ['v1.2.3', '1.2.3'],
    ['1.2.3', '^1.2.0'],
    ['1.9.0', '^1.2.3'],
    ['0.2.5', '^0.2.3'],
    ['0.0.3', '^0.0.3'],
    ['1.2.9', '~1.2.3'],
    ['1.9.0', '~1'],
    ['1.2.0', '1.2'],
    ['1.5.0', '1.x'],
    ['3.0.0', '*'],
    ['3.0.0', ''],
    ['2.0.0', '>=1 <3'],
    ['2.0.0', '>= 1.0.0 < 3.0.0'],
    ['2.0.0', '>1'],
    ['1.9.9', '<=1'],
    ['2.5.0', '1.x || 2.x'],
    ['1.5.0', '1.0.0 - 2.0.0'],
    ['2.0.5', '1.0.0 - 2.0'],
    ['1.0.0-beta.2', '>=1.0.0-beta.1'],
    ['1.0.0', '>=1.0.0-beta.1'],
    ['1.2.3+build.5', '1.2.3'],
  ])('%s in "%s"', (version, range) => {
    expect(satisfies(version, range)).toBe(true)
  })
})

describe('a version is not in a range', () => {
  test.each([
    ['1.2.4', '1.2.3'],
    ['2.0.0', '^1.2.3'],
    ['1.2.2', '^1.2.3'],
    ['0.3.0', '^0.2.3'],
    ['0.0.4', '^0.0.3'],
    ['1.3.0', '~1.2.3'],
    ['1.3.0', '1.2'],
    ['1.9.9', '>1'],
    ['2.0.0', '<=1'],
    ['3.0.0', '>=1 <3'],
    ['3.0.0', '1.x || 2.x'],
    ['2.1.0', '1.0.0 - 2.0'],
    ['1.0.0-beta.1', '^1.0.0'],
    ['1.1.0-beta.1', '>=1.0.0-beta.1'],
    ['1.0.0', '<*'],
    ['nonsense', '*'],
    ['1.0.0', 'nonsense'],
  ])('%s in "%s"', (version, range) => {
    expect(satisfies(version, range)).toBe(false)
  })
})

test('versions are ordered, with prereleases before their release', () => {
  const ordered = [
    '0.9.0',
    '1.0.0-1',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-beta',
    '1.0.0',
    '1.0.1',
    '1.1.0',
    '2.0.0',
    '10.0.0',
  ]
  for (const [index, version] of ordered.entries())
    for (const [other, than] of ordered.entries())
      expect(isOlder(version, than), `${version} ${than}`).toBe(index < other)
})

test('invalid versions and ranges are detected', () => {
  expect(['1.2.3', 'v1.2.3-a.b+c'].map(isVersion)).toEqual([true, true])
  expect(['', '1', '1.2', '1.2.3.4', 'latest', '1.2.x'].map(isVersion)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ])
  expect(['^1', '~1.2', '', '>=1 || 2'].map(isRange)).toEqual([true, true, true, true])
  expect(['latest', '^^1', '1.2.3.4', '>=1 and 2'].map(isRange)).toEqual([false, false, false, false])
})
