import { existsSync, globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { filesByTier, filesOf, onPostgresByTier, roundsByTier, type Tier } from './tiers.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const found = (globs: readonly string[]): string[] => globSync([...globs], { cwd: root })

/** Returns the files that vitest runs on an engine in a tier. */
function chosen(tier: Tier, engine: 'sqlite' | 'postgres'): string[] {
  const { include, exclude } = filesOf(tier)[engine]
  const left = new Set(found(exclude))
  return found(include).filter((file) => !left.has(file))
}

const pathOf = (name: string): string => `tests/${name}.test.ts`

describe('the tiers', () => {
  test('have each test file once on SQLite, without the repetition of the files with rounds', () => {
    const again = new Set(Object.values(roundsByTier).flat().map(pathOf))
    const later = (['ci', 'nightly'] as const).flatMap((tier) => chosen(tier, 'sqlite'))
    const once = [...chosen('quick', 'sqlite'), ...later.filter((file) => !again.has(file))]
    expect(once.toSorted()).toEqual(found(['tests/**/*.test.ts']).toSorted())
  })

  test('have each file that can run on PostgreSQL once there', () => {
    const each = (['quick', 'ci', 'nightly'] as const).flatMap((tier) => chosen(tier, 'postgres'))
    expect(each.toSorted()).toEqual(chosen('any', 'postgres').toSorted())
  })

  test('name only files and folders that exist, each in one place', () => {
    const files = [filesByTier, roundsByTier].flatMap((lists) => Object.values(lists).flat())
    expect(files.filter((name) => !existsSync(`${root}${pathOf(name)}`))).toEqual([])
    expect(new Set(files).size).toBe(files.length)
    const folders = Object.values(onPostgresByTier).flat()
    expect(folders.filter((name) => !existsSync(`${root}tests/${name}`))).toEqual([])
  })

  test('are those of CONTRIBUTING.md', () => {
    const rows = readFileSync(`${root}CONTRIBUTING.md`, 'utf8').split('\n')
    const named = (start: string) => {
      const row = rows.find((line) => line.startsWith(start)) ?? ''
      return [...row.matchAll(/`tests\/(.+?)(?:\.test\.ts)?`/g)].map(([, name]) => name).toSorted()
    }
    expect(named('| CI |')).toEqual([...filesByTier.ci, ...roundsByTier.ci, ...onPostgresByTier.ci].toSorted())
    const nightly = [...filesByTier.nightly, ...roundsByTier.nightly, ...onPostgresByTier.nightly]
    expect(named('| night |')).toEqual(nightly.toSorted())
  })

  test('make all rounds of exactly the files that use the number of rounds', () => {
    const asking = found(['tests/**/*.test.ts']).filter((file) =>
      /from '.*\/rounds\.ts'/.test(readFileSync(root + file, 'utf8')),
    )
    expect(asking.toSorted()).toEqual(Object.values(roundsByTier).flat().map(pathOf).toSorted())
  })
})
