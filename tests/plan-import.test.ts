import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { plannedTask } from '@tony/mcp-shared/plans'
import { describe, expect, test } from 'vitest'
import { PlanError, readPlan } from '../cli/src/plan/read.ts'
import { idsOf, issue, jsonLines, ownFolder, planFile, readIssues, refusal, rowOf } from './plan-file.ts'

const root = resolve(import.meta.dirname, '..')
const data = resolve(root, process.env.TONY_PLANS ?? '../shared/data')
const beads = join(data, 'beads-issues.jsonl')
const athms = join(data, 'athms-tasks.json')
const sample = join(root, 'plans/sample.jsonl')

const athmsDocument = { metadata: { version: '1.0.0' }, tasks: { 'T.1': { id: 'T.1', status: 'pending' } } }

describe('the contents of a file decide its format', () => {
  test.each([
    ['JSON lines', jsonLines([issue('a'), issue('b')]), 'beads'],
    ['one JSON line', jsonLines([issue('a')]), 'beads'],
    ['one JSON line without a line feed', JSON.stringify(issue('a')), 'beads'],
    ['an issue with a field called tasks', jsonLines([issue('a', { tasks: [1] })]), 'beads'],
    ['a first issue without issue_type', jsonLines([issue('a', { issue_type: undefined }), issue('b')]), 'beads'],
    ['an indented document', JSON.stringify(athmsDocument, null, 2), 'athms'],
    ['a document on one line', JSON.stringify(athmsDocument), 'athms'],
    ['a document on one line with a line feed', `${JSON.stringify(athmsDocument)}\n`, 'athms'],
    ['a document that breaks after its first key', JSON.stringify(athmsDocument).replace(',', ',\n'), 'athms'],
    ['a document after blank lines', `\n \n${JSON.stringify(athmsDocument, null, 1)}`, 'athms'],
  ])('%s', async (_what, content, format) => {
    for (const name of ['plan.json', 'plan.jsonl', 'plan']) {
      expect(await readPlan(await planFile(content, name), { replay: false })).toMatchObject({ format })
    }
  })

  test.each([
    ['issues.jsonl', 'issues'],
    ['spring.sale.json', 'spring.sale'],
    ['plan', 'plan'],
    ['.jsonl', '.jsonl'],
    [`${'n'.repeat(240)}.jsonl`, 'n'.repeat(200)],
  ])('the file %s gives its name to the plan', async (file, name) => {
    expect(await readPlan(await planFile(jsonLines([issue('a')]), file), { replay: false })).toMatchObject({ name })
  })
})

describe('an invalid plan file is refused', () => {
  test.each([
    ['nothing', '', 'plan: is empty'],
    ['blank lines', '\n  \r\n\n', 'plan: is empty'],
    [
      'a document without tasks',
      '{\n  "name": "shop"\n}',
      /^plan: is not a plan: expected JSON lines .* or a JSON object with tasks/,
    ],
    ['a document whose tasks are a string', '{\n  "tasks": "all"\n}', /^plan: is not a plan/],
    ['a document without a task', '{ "tasks": {} }', 'plan: is a plan without tasks'],
    [
      'JSON lines of another program',
      '{"id":"1","name":"x"}\n{"id":"2"}\n',
      'plan: no record has an issue_type, so this is not a beads file',
    ],
  ])('%s', async (_what, content, message) => {
    const error = await refusal(content)
    expect(error.message).toMatch(message)
    expect(error.line).toBeUndefined()
  })

  test.each([
    ['an HTML page', '<!doctype html>\n<title>Not found</title>\n', 1],
    ['YAML', 'tasks:\n  - id: a\n', 1],
    ['a list over many lines', '[\n  {"id": "a"\n]', 3],
    ['a first line cut short', '{"id":"a","issue_type"\n{"id":"b","issue_type":"task"}\n', 1],
    ['a first line with a stray word', '{"id": oops}\n{"id": oops}\n', 1],
    ['a later line cut short', `${jsonLines([issue('a'), issue('b')])}{"id":"c"`, 3],
    ['a broken line after blank ones', `${jsonLines([issue('a')])}\n\r\n{]\n`, 4],
    ['a conflict marker', `${jsonLines([issue('a')])}<<<<<<< HEAD\n`, 2],
    ['two records on a line', `${jsonLines([issue('a')])}{"id":"b"}{"id":"c"}\n`, 2],
    ['a document that breaks off', '{\n  "tasks": {\n    "a": { "id": "a" },\n', 3],
  ])('%s is not JSON, and the error names the line', async (_what, content, line) => {
    const error = await refusal(content)
    expect(error.message).toMatch(new RegExp(`^plan:${line}: is not JSON: `))
    expect(error.line).toBe(line)
    expect(error.cause).toBeInstanceOf(SyntaxError)
  })

  test('a document with an invalid word is shown with the place, although the parser reports no line', async () => {
    const error = await refusal('{\n  "tasks": {\n    "a": oops\n  }\n}')
    expect(error.message).toMatch(/^plan: is not JSON: .*"a": oops/s)
  })

  test('an absent file', async () => {
    const file = join(await ownFolder(), 'none.jsonl')
    await expect(readPlan(file, { replay: false })).rejects.toThrow(/none\.jsonl: cannot be read: ENOENT/)
    await expect(readPlan(file, { replay: false })).rejects.toBeInstanceOf(PlanError)
  })

  test('a folder', async () => {
    const folder = await ownFolder()
    await expect(readPlan(folder, { replay: false })).rejects.toThrow(/cannot be read: EISDIR/)
  })

  test.each([
    ['UTF-16', Buffer.from(`\uFEFF${jsonLines([issue('a')])}`, 'utf16le')],
    ['a byte of Latin-1', Buffer.from(jsonLines([issue('a', { title: 'Grün' })]), 'latin1')],
    ['a character cut in half at the end', Buffer.from(`${jsonLines([issue('a')])}ü`).subarray(0, -1)],
  ])('%s is not UTF-8', async (_what, content) => {
    expect((await refusal(content)).message).toBe('plan: is not UTF-8')
  })
})

describe('lines', () => {
  test('end with CR LF or LF, may be blank, and the last one needs no end', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => JSON.stringify(issue(id)))
    const plan = await readPlan(await planFile(`\n${a}\r\n\r\n   \n${b}\n${c}`), { replay: false })
    expect(idsOf(plan)).toEqual(['a', 'b', 'c'])
    expect(plan.report.records).toBe(3)
  })

  test('of a file do not include its byte order mark', async () => {
    const plan = await readPlan(await planFile(`\uFEFF${jsonLines([issue('a')])}`), { replay: false })
    expect(idsOf(plan)).toEqual(['a'])
  })

  test.each([['\u2028'], ['\u2029'], ['\u0085'], ['\u000B']])('%j does not end a line', async (separator) => {
    const text = `left${separator}right`
    const line = JSON.stringify(issue('a', { title: '?' })).replace(
      '?',
      separator === '\u000B' ? 'left\\u000bright' : text,
    )
    const plan = await readPlan(await planFile(`${line}\n${JSON.stringify(issue('b'))}`), { replay: false })
    expect(rowOf(plan, 'a').title).toBe(text)
    expect(idsOf(plan)).toEqual(['a', 'b'])
  })

  test('may be longer than a chunk of the file, with characters across its border', async () => {
    const long = '🌿ü'.repeat(60_000)
    const plan = await readIssues([issue('a', { notes: long }), issue('b', { notes: `x${long}` }), issue('c')])
    expect(rowOf(plan, 'a').metadata).toMatchObject({ notes: long })
    expect(rowOf(plan, 'b').metadata).toMatchObject({ notes: `x${long}` })
    expect(idsOf(plan)).toEqual(['a', 'b', 'c'])
  })

  test('by the ten thousand are read fast', async () => {
    const chain = Array.from({ length: 20_000 }, (_, index) => {
      const next = { depends_on_id: `t${index + 1}`, type: 'blocks' }
      return issue(`t${index}`, index === 19_999 ? {} : { dependencies: [next] })
    })
    const plan = await readIssues(chain)
    expect(plan.report.levels).toBe(20_000)
    expect(idsOf(plan).slice(0, 2)).toEqual(['t19999', 't19998'])
  })
})

describe('the sample plan', () => {
  test('has sixty tasks of all priorities in more than eight levels, without a warning', async () => {
    const { format, name, tasks, report } = await readPlan(sample, { replay: true })
    expect({ format, name }).toEqual({ format: 'beads', name: 'sample' })
    expect(report).toEqual({
      records: 63,
      kinds: { epic: 7, task: 43, bug: 6, chore: 7 },
      skipped: { tombstones: 0, notWork: {}, edges: { total: 0, reasons: {} } },
      edges: { blocks: 95, parentChild: 56, other: 7 },
      levels: 17,
      requires: {},
      warnings: [],
    })
    expect(new Set(tasks.map((task) => task.priority))).toEqual(new Set(['critical', 'high', 'normal', 'low']))
    expect(tasks.every((task) => task.status === 'pending')).toBe(true)
    expect(tasks.every((task) => task.type === 'epic' || task.epic === task.externalId.split('.')[0])).toBe(true)
  })

  test('has completed tasks only if all their dependencies are completed', async () => {
    const { tasks } = await readPlan(sample, { replay: false })
    const done = new Set(tasks.filter((task) => task.status === 'completed').map((task) => task.externalId))
    expect(done.size).toBeGreaterThan(0)
    for (const task of tasks) {
      if (done.has(task.externalId)) expect(task.dependsOn?.every((id) => done.has(id))).toBe(true)
    }
  })

  test.each([[true], [false]])('fits the contract, dependencies and parents first (replay: %s)', async (replay) => {
    expectWhole((await readPlan(sample, { replay })).tasks)
  })
})

describe.skipIf(!existsSync(beads))(
  `2 464 issues of a real project${existsSync(beads) ? '' : `: ${beads} is absent`}`,
  () => {
    const kinds = {
      ...{ task: 916, event: 439, bug: 308, feature: 176, epic: 105, 'merge-request': 102, chore: 38 },
      ...{ molecule: 15, agent: 13, message: 6, gate: 2, role: 1, rig: 1 },
    }
    const secondParents = 'a second parent: kept in metadata.dependencies (4 times, first line 709)'

    test('has its work in 16 levels in a replay', async () => {
      const { format, name, tasks, report } = await readPlan(beads, { replay: true })
      expect({ format, name }).toEqual({ format: 'beads', name: 'beads-issues' })
      expect(report).toEqual({
        records: 2464,
        kinds,
        skipped: {
          tombstones: 342,
          notWork: {
            ...{ event: 439, 'merge-request': 102, agent: 13, message: 6, role: 1, rig: 1, gate: 2, molecule: 15 },
            // Templates.
            ...{ task: 52, epic: 10 },
          },
          edges: { total: 342, reasons: { from_skipped_record: 332, to_skipped_record: 10 } },
        },
        edges: { blocks: 303, parentChild: 279, other: 80 },
        levels: 16,
        requires: {},
        warnings: [
          'a parent that is skipped: the edge is dropped (9 times, first line 7)',
          secondParents,
          'a dependency that is skipped: the edge is dropped (line 2287)',
        ],
      })
      expect(tasks).toHaveLength(1481)
      expect(tasks.every((task) => task.status === 'pending')).toBe(true)
      expectWhole(tasks)
    })

    test('keeps statuses, tombstones and types without a replay', async () => {
      const { tasks, report } = await readPlan(beads, { replay: false })
      expect(report).toMatchObject({
        ...{ records: 2464, kinds, levels: 16 },
        skipped: { tombstones: 34 },
        edges: { blocks: 306, parentChild: 390, other: 202 },
      })
      const states = Map.groupBy(tasks, (task) => task.status)
      expect([...states].map(([state, of]) => [state, of.length]).sort()).toEqual([
        ['cancelled', 308],
        ['completed', 1398],
        ['pending', 86],
      ])
      expect(tasks.some((task) => task.type === 'event')).toBe(false)
      expectWhole(tasks)
    })
  },
)

describe.skipIf(!existsSync(athms))(`a file written by Tony${existsSync(athms) ? '' : `: ${athms} is absent`}`, () => {
  test.each([[true], [false]])('has five tasks under one epic (replay: %s)', async (replay) => {
    const { format, name, tasks, report } = await readPlan(athms, { replay })
    expect({ format, name }).toEqual({ format: 'athms', name: 'athms-tasks' })
    expect(tasks.map((task) => [task.externalId, task.type, task.parentId, task.epic])).toEqual([
      ['E.001', 'epic', undefined, undefined],
      ['F.001.01', 'feature', 'E.001', 'E.001'],
      ['T.001.01.undefined.01', 'task', 'F.001.01', 'E.001'],
      ['S.001.01.01', 'story', 'F.001.01', 'E.001'],
      ['T.001.01.01.01', 'task', 'S.001.01.01', 'E.001'],
    ])
    expect(report).toMatchObject({ records: 5, levels: 1, warnings: [] })
    expect(tasks.at(-1)?.metadata).toMatchObject({ assignedAgent: 'implementation-agent', estimatedDuration: 30 })
    expectWhole(tasks)
  })
})

/** Checks that every row fits the contract and comes after its dependencies and its parent. */
function expectWhole(tasks: Awaited<ReturnType<typeof readPlan>>['tasks']): void {
  const seen = new Set<string>()
  for (const task of tasks) {
    expect(plannedTask.safeParse(task).error).toBeUndefined()
    expect(seen).not.toContain(task.externalId)
    expect(
      [...(task.dependsOn ?? []), ...(task.parentId ? [task.parentId] : [])].filter((id) => !seen.has(id)),
    ).toEqual([])
    seen.add(task.externalId)
  }
}
