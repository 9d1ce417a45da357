import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { publishPlan } from '../cli/src/plan/publish.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { planFile } from './plan-file.ts'
import { onPostgres, TestServer } from './support/server.ts'

const sample = fileURLToPath(new URL('../../shared/data/beads-issues.jsonl', import.meta.url))

interface Issue {
  readonly id: string
  readonly status: string
  readonly issue_type: string
  readonly pinned?: boolean
  readonly ephemeral?: boolean
  readonly defer_until?: string
  readonly dependencies?: readonly { readonly depends_on_id: string; readonly type: string }[]
}

/** The kinds that `bd ready` leaves out, and the states of an issue that blocks. */
const workflowKinds = ['merge-request', 'gate', 'molecule', 'message', 'agent']
const blockingStates = ['open', 'in_progress', 'blocked', 'deferred']

/**
 * The ready rule of beads, from its documentation: an open issue that is neither pinned nor
 * ephemeral nor of a workflow kind, whose deferral is over, and that nothing blocks. An issue is
 * blocked by a `blocks` edge to an unfinished issue of the file, and so are its children, at every
 * depth.
 */
function readyAtSource(issues: readonly Issue[]): string[] {
  const byId = new Map(issues.map((issue) => [issue.id, issue]))
  const blocked = new Set<string>()
  const edgesOf = (type: string) =>
    issues.flatMap(({ id, dependencies = [] }) =>
      dependencies.filter((edge) => edge.type === type).map((edge) => ({ id, to: edge.depends_on_id })),
    )
  for (const { id, to } of edgesOf('blocks'))
    if (blockingStates.includes(byId.get(to)?.status ?? 'absent')) blocked.add(id)
  const parents = edgesOf('parent-child')
  for (let before = -1; before !== blocked.size; ) {
    before = blocked.size
    for (const { id, to } of parents) if (blocked.has(to)) blocked.add(id)
  }
  return issues
    .filter(
      ({ id, status, issue_type, pinned, ephemeral, defer_until }) =>
        status === 'open' &&
        !pinned &&
        !ephemeral &&
        !workflowKinds.includes(issue_type) &&
        !(defer_until && Date.parse(defer_until) > Date.now()) &&
        !blocked.has(id),
    )
    .map(({ id }) => id)
}

const parse = (text: string): Issue[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

async function readyHere(file: string): Promise<Set<string>> {
  await using server = await TestServer.start()
  await publishPlan(server.connect(), await readPlan(file, { replay: false }))
  const rows = server.query<{ id: string }>('select external_id as id from tasks where ready is not null', [])
  return new Set(rows.map(({ id }) => id))
}

test.skipIf(!existsSync(sample) || onPostgres)(
  `the claimable tasks of a real file are those of bd ready${existsSync(sample) ? '' : `: ${sample} is absent`}`,
  async () => {
    const issues = parse(readFileSync(sample, 'utf8'))
    const [there, here] = [readyAtSource(issues), await readyHere(sample)]
    expect(there).toHaveLength(67)
    const differences = new Map([
      ...there.filter((id) => !here.has(id)).map((id) => [id, 'not here'] as const),
      ...[...here].filter((id) => !there.includes(id)).map((id) => [id, 'only here'] as const),
    ])
    const kindOf = new Map(issues.map((issue) => [issue.id, issue.issue_type]))
    // A hooked issue blocks the epic, and a rig is not work.
    const found = [...differences].map(([id, which]) => `${kindOf.get(id)} ${which}`)
    expect(found).toEqual(['epic not here', 'rig not here'])
  },
)

const line = (id: string, type: string, more: object = {}) =>
  `${JSON.stringify({ id, title: id, status: 'open', priority: 2, issue_type: type, ...more })}\n`
const on = (id: string, to: string, type: string) => ({ issue_id: id, depends_on_id: to, type })

test.skipIf(onPostgres)('the blocker of a parent holds the child, and an open child its parent', async () => {
  const content = [
    line('e-1', 'epic'),
    line('e-2', 'epic', { dependencies: [on('e-2', 'e-1', 'blocks')] }),
    line('e-2.1', 'task', { dependencies: [on('e-2.1', 'e-2', 'parent-child')] }),
    line('e-3', 'epic'),
    line('e-3.1', 'task', { dependencies: [on('e-3.1', 'e-3', 'parent-child')] }),
    line('late', 'task', { dependencies: [on('late', 'e-3', 'waits-for')] }),
    line('back', 'task', { dependencies: [on('back', 'e-3.1', 'conditional-blocks')] }),
    line('held', 'task', { status: 'blocked' }),
  ].join('')
  expect([...(await readyHere(await planFile(content)))].toSorted()).toEqual(['e-1', 'e-3.1'])
})
