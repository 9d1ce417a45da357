import { expect, test } from 'vitest'
import { jsonLines, planFile } from './plan-file.ts'
import { beadsSource, taskmasterSource } from './plan-sources.ts'
import { compareReady } from './support/ready/compare.ts'
import { onPostgres } from './support/server.ts'

const sources = [3, 11, 17].flatMap((seed) => [
  ['beads', seed, jsonLines(beadsSource(60, seed))] as const,
  ['taskmaster', seed, JSON.stringify(taskmasterSource(20, seed))] as const,
])

// `scripts/plan-differential.ts` does this with the files of public repositories.
test.skipIf(onPostgres).each(sources)(
  'the claimable tasks of a generated %s plan with the seed %d are those of its tracker',
  async (format, _, text) => {
    const { ready, differences } = await compareReady(format, await planFile(text), text)
    expect(ready).toBeGreaterThan(0)
    expect(differences.filter(({ reason }) => reason === undefined)).toEqual([])
  },
)
