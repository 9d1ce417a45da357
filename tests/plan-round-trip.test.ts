import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Client, Task } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { beadsIdsOf } from '../cli/src/export/beads.ts'
import type { ExportFormat } from '../cli/src/export/format-names.ts'
import { textExporters } from '../cli/src/export/formats.ts'
import { ExportedProject } from '../cli/src/export/project.ts'
import { fileIdOf, layOutTasks } from '../cli/src/export/taskmaster-ids.ts'
import { publishPlan } from '../cli/src/plan/publish.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { jsonLines, planFile } from './plan-file.ts'
import { runOperations } from './plan-operations.ts'
import { beadsSource, taskmasterSource } from './plan-sources.ts'
import { roundsOf } from './support/rounds.ts'
import { onPostgres, TestServer } from './support/server.ts'

const operationCount = roundsOf({ part: 100, full: 1_000, variable: 'PLAN_OPERATIONS' })
const isWhole = operationCount >= 1_000
const seed = Number(process.env['PLAN_SEED'] ?? 17)

async function importInto(
  server: TestServer,
  project: string,
  content: string,
  agents: readonly string[] = [],
): Promise<Client> {
  await server.connect().projects.create({ name: project })
  const client = server.connect({ project })
  for (const name of agents) await client.agents.register({ name, type: 'implementation' })
  await publishPlan(client, await readPlan(await planFile(content), { replay: false }))
  return client
}

async function exported(client: Client, format: ExportFormat): Promise<{ text: string; project: ExportedProject }> {
  const project = await ExportedProject.read(client)
  let text = ''
  for await (const part of textExporters[format](project, '2999-01-01T00:00:00.000Z')) text += part
  return { text, project }
}

/** The ids that the file gives to the tasks of a project. */
function fileIdsOf({ outlines }: ExportedProject, format: ExportFormat): ReadonlyMap<string, string> {
  if (format === 'beads') return beadsIdsOf(outlines)
  if (format === 'json') return new Map([...outlines.values()].map(({ id, externalId }) => [id, externalId ?? id]))
  return new Map([...layOutTasks(outlines).positions].map(([id, place]) => [id, fileIdOf(place)]))
}

const taken: readonly Task['status'][] = ['in_progress', 'input_required', 'in_review']

/** Fields of a source, and of a task that was born here, of which no format knows. */
const unknownFields = ['own', 'external_ref', 'estimated_minutes', 'new_field', 'complexityScore', 'previousStatus']

/** The part of a task that a plan holds. An ended task has no hold, and a taken one is held. */
function planned(task: Task, idOf: (id: string) => string) {
  const isTaken = taken.includes(task.status)
  const isOpen = task.status === 'pending' || task.status === 'blocked'
  const { type, epic, story, title, description, acceptanceCriteria, design, notes, priority, requires } = task
  const { acceptance, maxAttempts, onDependencyFailure, onChildrenEnd, assignedTo, locks, metadata } = task
  const { scheduleToStartMs, startToCloseMs, scheduleToCloseMs } = task
  return {
    ...{ type, story, title, description, acceptanceCriteria, design, notes, priority, requires, assignedTo },
    ...{ acceptance, maxAttempts, onDependencyFailure, onChildrenEnd, locks },
    ...{ scheduleToStartMs, startToCloseMs, scheduleToCloseMs },
    unknown: unknownFields.map((name) => metadata[name]),
    epic,
    status: isTaken ? 'taken' : task.status,
    hold: isTaken ? 'taken' : (task.hold?.reason ?? null),
    notBefore: isOpen && task.failures === 0 ? task.notBefore : null,
    parent: task.parentId === null ? null : idOf(task.parentId),
    dependsOn: task.dependsOn.map(idOf).toSorted(),
    waitsFor: task.waitsFor.map(({ taskId, kind }) => `${kind} ${idOf(taskId)}`).toSorted(),
  }
}

/** Returns the tasks with the names of their assignees, which are no ids of the project. */
async function tasksOf(client: Client): Promise<Task[]> {
  const { agents } = await client.agents.list()
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  const { tasks, nextCursor } = await client.tasks.list({ limit: 500 })
  const all = [...tasks]
  for (let cursor = nextCursor; cursor !== null; ) {
    const page = await client.tasks.list({ limit: 500, cursor })
    all.push(...page.tasks)
    cursor = page.nextCursor
  }
  return all.map((task) => ({ ...task, assignedTo: names.get(task.assignedTo ?? '') ?? task.assignedTo }))
}

/** Compares a project with the one that its exported file makes of an empty project. */
async function expectSameTasks(there: Client, here: Client, idsThere: ReadonlyMap<string, string>): Promise<void> {
  const after = await tasksOf(here)
  const externalIds = new Map(after.map(({ id, externalId }) => [id, externalId ?? '']))
  const got = new Map(after.map((task) => [task.externalId ?? '', planned(task, (id) => externalIds.get(id) ?? '')]))
  const before = await tasksOf(there)
  const wanted = new Map(
    before.map((task) => [idsThere.get(task.id) ?? '', planned(task, (id) => idsThere.get(id) ?? '')]),
  )
  expect([...got.keys()].toSorted()).toEqual([...wanted.keys()].toSorted())
  for (const [id, task] of wanted) {
    const isTaken = task.status === 'taken'
    const found = got.get(id)
    if (!isTaken) expect({ id, ...found }).toEqual({ id, ...task })
    else {
      expect(found?.hold).toMatch(/^it is in (progress|review) at its source/)
      expect({ id, ...found, status: 'taken', hold: 'taken', notBefore: null }).toEqual({
        id,
        ...task,
        notBefore: null,
      })
    }
  }
}

/** The results and errors of a project that its file does not have. Each has a word of its own. */
async function lostOutcomes(client: Client, text: string): Promise<string[]> {
  const outcomes = (await tasksOf(client)).map(({ result, error }) => JSON.stringify([result, error]))
  const words = outcomes.flatMap((outcome) => outcome.match(/(?:work|fault)-\d+/g) ?? [])
  expect(words.length).toBeGreaterThan(0)
  return words.filter((word) => !text.includes(word))
}

type Json = Record<string, unknown>

const linesOf = (text: string): Json[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

function expectSameRecords(records: readonly Json[], source: readonly Json[]): void {
  const byId = new Map(records.map((record) => [record['id'], record]))
  expect(byId.size).toBe(source.length)
  for (const record of source) expect(byId.get(record['id'])).toEqual(record)
}

const sample = fileURLToPath(new URL('../../shared/data/beads-issues.jsonl', import.meta.url))

/** The part of the tasks that a checklist holds. A failed task is open and held there. */
async function listedOf(client: Client) {
  const tasks = await tasksOf(client)
  const ids = new Map(tasks.map(({ id, externalId }) => [id, externalId ?? id]))
  const listed = tasks.map(({ id, status, hold, title, description, parentId, epic }) => {
    const isHeld = hold !== null || status === 'failed' || taken.includes(status)
    const state = status === 'completed' || status === 'cancelled' ? status : isHeld ? 'held' : 'open'
    // Parts are under the heading of their whole. Below an item is more text than its description.
    const place = parentId === null ? { epic } : { parent: ids.get(parentId) }
    const changed = description?.match(/changed|\[ \] \d+/g)?.slice(0, 2) ?? []
    return { id: ids.get(id) ?? '', state, title, changed, ...place }
  })
  return listed.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

const sources = {
  beads: (count: number) => jsonLines(beadsSource(count, seed)),
  taskmaster: (count: number) => JSON.stringify(taskmasterSource(count, seed)),
}

/** The source and the format of an export. */
const ownFormats = [
  ['beads', 'beads'],
  ['taskmaster', 'taskmaster'],
  ['beads', 'json'],
] as const
const otherFormats = [
  ['taskmaster', 'json'],
  ['beads', 'taskmaster'],
  ['taskmaster', 'beads'],
] as const

describe.skipIf(onPostgres)('a plan that came in goes out', () => {
  test.each(isWhole ? [...ownFormats, ...otherFormats] : ownFormats)(
    'from %s, after random operations, as %s with the same ids, states, edges and fields',
    async (source, format) => {
      await using server = await TestServer.start()
      const there = await importInto(server, 'there', sources[source](Math.max(40, operationCount / 5)))
      await runOperations(server, { project: 'there', count: operationCount, seed })
      const { text, project } = await exported(there, format)
      const here = await importInto(server, 'here', text, ['ada', 'bob'])
      await expectSameTasks(there, here, fileIdsOf(project, format))
      expect(await lostOutcomes(there, text)).toEqual([])
    },
  )

  test('as Markdown with the same ids, titles, parents and ends', async () => {
    await using server = await TestServer.start()
    const there = await importInto(server, 'there', sources.beads(40))
    await runOperations(server, { project: 'there', count: operationCount, seed })
    const { text } = await exported(there, 'markdown')
    const here = await importInto(server, 'here', text)
    expect(await listedOf(here)).toEqual(await listedOf(there))
    expect(await lostOutcomes(there, text)).toEqual([])
  })

  test('to beads as it came, if nothing has happened here', async () => {
    await using server = await TestServer.start()
    const source = beadsSource(120, seed)
    const client = await importInto(server, 'there', jsonLines(source))
    expectSameRecords(linesOf((await exported(client, 'beads')).text), source)
  })

  test('to Task Master as it came, if nothing has happened here', async () => {
    await using server = await TestServer.start()
    for (const [index, source] of [taskmasterSource(30, seed), taskmasterSource(30, seed)['web']].entries()) {
      const client = await importInto(server, `there ${index}`, JSON.stringify(source))
      expect(JSON.parse((await exported(client, 'taskmaster')).text)).toEqual(source)
    }
  })

  test.skipIf(!isWhole || !existsSync(sample))('a real file of beads too', async () => {
    await using server = await TestServer.start()
    const client = await importInto(server, 'there', readFileSync(sample, 'utf8'))
    const records = linesOf((await exported(client, 'beads')).text)
    const ids = new Set(records.map(({ id }) => id))
    // Records that are not work have not come in.
    const source = linesOf(readFileSync(sample, 'utf8')).filter(({ id }) => ids.has(id))
    expect(records.length).toBeGreaterThan(1_700)
    expectSameRecords(records, source)
  })
})
