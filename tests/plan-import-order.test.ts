import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Predecessors, sortTopologically } from '../cli/src/plan/order.ts'
import { edges, idsOf, issue, jsonLines, readIssues, refusal } from './plan-file.ts'

/** Parses lines such as `'a < b c ^ e'`: a depends on b and c, and e is its parent. */
function records(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => {
    const [, id = '', waits = '', parent = ''] = /^(\S+)(?: <((?: [^^ ]+)+))?(?: \^ (\S+))?$/.exec(line) ?? []
    return issue(id, edges(id, { waitsFor: waits.split(' ').filter(Boolean), partOf: parent ? [parent] : [] }))
  })
}

describe('tasks come after their dependencies and after their parents', () => {
  test.each([
    ['in the order of the file, if nothing else decides', ['c', 'a', 'b'], 'c a b'],
    ['in the order of the file, if it is right already', ['a', 'b < a', 'c < b'], 'a b c'],
    ['a dependency is moved forward', ['x', 'a < z', 'y', 'z'], 'x z a y'],
    ['a parent is moved forward', ['x', 'a ^ e', 'y', 'e'], 'x e a y'],
    ['a parent comes before the dependencies', ['a < b ^ e', 'b', 'e'], 'e b a'],
    ['a chain in reverse order', ['d < c', 'c < b', 'b < a', 'a'], 'a b c d'],
    ['a diamond', ['d < b c', 'c < a', 'b < a', 'a'], 'a b c d'],
    ['the dependencies of a parent', ['a ^ e', 'e < b', 'b'], 'b e a'],
  ])('%s', async (_what, lines, expected) => {
    const plan = await readIssues(records(lines))
    expect(idsOf(plan).join(' ')).toBe(expected)
    expect(plan.report.warnings).toEqual([])
  })

  test.each([
    ['its own task', ['a ^ e', 'e < a'], 'a e', 1],
    ['its own task, which is read before it', ['e < a', 'a ^ e'], 'a e', 1],
    ['both its tasks', ['e < a b', 'a ^ e', 'b ^ e'], 'a b e', 2],
    ['one of two tasks', ['e < b', 'a ^ e', 'b ^ e'], 'b e a', 1],
    ['a grandchild', ['e < c', 'b ^ e', 'c ^ b'], 'b c e', 1],
    ['a task that depends on its task', ['e < x', 'x < a', 'a ^ e'], 'a x e', 1],
    ['the tasks of another epic that depends on its own', ['e < b', 'f < a', 'a ^ e', 'b ^ f'], 'a f b e', 1],
  ])('but a parent that depends on %s comes later, with a warning', async (_what, lines, expected, times) => {
    const plan = await readIssues(records(lines))
    expect(idsOf(plan).join(' ')).toBe(expected)
    const where = times === 1 ? /\(line \d\)$/ : new RegExp(`\\(${times} times, first line \\d\\)$`)
    expect(plan.report.warnings).toEqual([
      expect.stringMatching(/^a parent that waits for its own task: sorted after that task/),
    ])
    expect(plan.report.warnings[0]).toMatch(where)
  })

  test.each([
    [1, ['a', 'b']],
    [2, ['a', 'b < a', 'c < a']],
    [3, ['a', 'b < a', 'c < b a']],
    [4, ['d < c x', 'c < b', 'b < a', 'a', 'x']],
    [1, ['e', 'a ^ e', 'b ^ a']],
    [1, ['a < elsewhere']],
  ])('the longest chain of dependencies has %i levels', async (levels, lines) => {
    expect((await readIssues(records(lines))).report.levels).toBe(levels)
  })
})

test('a parent that waits for its own task only in a cycle that is broken comes first, without a warning', async () => {
  const plan = await readIssues(
    records(['c < x ^ p', 'p < x', 'x < c']).map((record) =>
      record['id'] === 'x' ? { ...record, status: 'closed' } : record,
    ),
  )
  expect(idsOf(plan).join(' ')).toBe('x p c')
  expect(plan.report.warnings.join()).not.toContain('a parent that waits for its own task')
})

describe('a cycle is refused with its ids', () => {
  test.each([
    ['of one task', ['x', 'a < a'], 'plan:2: a cycle of dependencies: a waits for a'],
    ['of two tasks', ['a < b', 'b < a'], 'plan:1: a cycle of dependencies: a waits for b waits for a'],
    [
      'of three tasks',
      ['x < c', 'a < b', 'b < c', 'c < a'],
      'plan:4: a cycle of dependencies: c waits for a waits for b waits for c',
    ],
    [
      'without the tasks outside the cycle',
      ['x < y', 'y < a', 'a < b', 'b < a z', 'z'],
      'plan:3: a cycle of dependencies: a waits for b waits for a',
    ],
    [
      'beside a parent that depends on its task',
      ['e < a', 'a < b ^ e', 'b < a'],
      'plan:2: a cycle of dependencies: a waits for b waits for a',
    ],
    ['of a parent and itself', ['a ^ a'], 'plan:1: a cycle of parents: a is part of a'],
    ['of parents', ['x ^ a', 'a ^ b', 'b ^ a'], 'plan:2: a cycle of parents: a is part of b is part of a'],
  ])('%s', async (_what, lines, message) => {
    expect((await refusal(jsonLines(records(lines)))).message).toBe(message)
  })

  test('unless a replay skips a record on it', async () => {
    const [a, b] = records(['a < b', 'b < a'])
    const plan = await readIssues([a, { ...b, status: 'tombstone' }], { replay: true })
    expect(idsOf(plan)).toEqual(['a'])
  })
})

describe('for any plan', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const id = fc.constantFrom(...ids)
  const anyPlan = fc
    .record({
      present: fc.shuffledSubarray(ids),
      waits: fc.array(fc.tuple(id, id), { maxLength: 9 }),
      parents: fc.dictionary(id, id, { maxKeys: 7 }),
    })
    .map(({ present, waits, parents }) => {
      const task = (name: string): Predecessors => ({
        waitsFor: new Set(waits.filter(([from]) => from === name).map(([, to]) => to)),
        parent: Object.hasOwn(parents, name) ? parents[name] : undefined,
      })
      return new Map(present.map((name) => [name, task(name)]))
    })

  /**
   * Returns everything that `start` reaches, without `start` itself unless a path leads back to it.
   */
  function reach(start: string, next: (from: string) => Iterable<string>): Set<string> {
    const seen = new Set<string>()
    const open = [...next(start)]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue
      seen.add(at)
      open.push(...next(at))
    }
    return seen
  }

  const waitsOf = (plan: ReadonlyMap<string, Predecessors>) => (from: string) => plan.get(from)?.waitsFor ?? []
  const parentOf = (plan: ReadonlyMap<string, Predecessors>) => (from: string) => {
    const parent = plan.get(from)?.parent
    return parent === undefined ? [] : [parent]
  }

  test('a cycle is found exactly if there is one, and each of its steps is an edge', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const result = sortTopologically(plan)
        const loops = (next: (from: string) => Iterable<string>) =>
          [...plan.keys()].some((at) => reach(at, next).has(at))
        expect('cycle' in result).toBe(loops(waitsOf(plan)) || loops(parentOf(plan)))
        if (!('cycle' in result)) return
        const next = result.of === 'parents' ? parentOf(plan) : waitsOf(plan)
        result.cycle.forEach((at, index) => {
          expect([...next(at)]).toContain(result.cycle[(index + 1) % result.cycle.length])
        })
      }),
      { numRuns: 2_000 },
    )
  })

  test('each task occurs once, after its dependencies, and after its parent unless it is reported as late', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const result = sortTopologically(plan)
        if ('cycle' in result) return
        expect([...result.ids].sort()).toEqual([...plan.keys()].sort())
        const place = new Map(result.ids.map((each, index) => [each, index]))
        const isBefore = (first: string, second: string) => (place.get(first) ?? -1) < (place.get(second) ?? -1)
        for (const [each, { waitsFor, parent }] of plan) {
          for (const before of waitsFor) expect(isBefore(before, each)).toBe(true)
          if (parent !== undefined && !result.late.includes(each)) expect(isBefore(parent, each)).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('a task is late only if its parent cannot come before it', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const result = sortTopologically(plan)
        if ('cycle' in result) return
        const before = (from: string) =>
          [...waitsOf(plan)(from), ...parentOf(plan)(from)].filter((each) => plan.has(each))
        for (const late of result.late) expect(reach(late, before)).toContain(late)
      }),
      { numRuns: 2_000 },
    )
  })
})
