import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { StoreFolder } from '../support/store.ts'

test.each(['pepper', 'key', 'bootstrap'])(
  'the contents of .%s are on the disk before its name, and its name before the start has ended',
  async (kind) => {
    using folder = new StoreFolder()
    await using child = new Child('traced-start.ts', folder.file)
    const trace: readonly string[] = JSON.parse(await child.says('trace'))
    const named = trace.findIndex((entry) => entry.startsWith('name ') && entry.endsWith(` test.db.${kind}`))
    const [, temporary] = trace[named]?.split(' ') ?? []
    expect(trace.indexOf(`flush ${temporary}`)).toBeGreaterThanOrEqual(0)
    expect(trace.indexOf(`flush ${temporary}`)).toBeLessThan(named)
    expect(trace.slice(named)).toContain('flush .')
    expect((await child.end()).code).toBe(0)
  },
)
