/**
 * Measures a claim from a queue whose tasks the claimer may almost never take, against a claim from
 * a short queue of eligible tasks. Each side claims and releases in turn, without sockets and
 * without an fsync, so that nothing hides the difference. It prints the median of the ratios.
 */
import { parseArgs } from 'node:util'
import { ClaimGroupCache } from '@tony/mcp-server/domain/tasks/claim-group-cache'
import { LeaseTokens } from '@tony/mcp-server/domain/tasks/lease-tokens'
import { releaseLease } from '@tony/mcp-server/domain/tasks/release-lease'
import { claimIn } from '@tony/mcp-server/operations/tasks/claim'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { openSqlite } from '@tony/mcp-server/store/sqlite/sqlite'
import type { Store } from '@tony/mcp-server/store/store'
import { SeededFolder } from '../tests/support/scale/folder.ts'
import { seededId } from '../tests/support/scale/seed.ts'
import { median } from './statistics.ts'

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '1000000' },
    pairs: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
  },
})

interface Queue {
  readonly store: Store
  /** Claims a task and releases it. Returns the duration of the claim in milliseconds. */
  readonly claimAndRelease: () => Promise<number>
}

async function openQueue(file: string): Promise<Queue> {
  const store = await openSqlite({ file, durability: 'process', clock: systemClock })
  const [project] = await store.read(({ db, t }) => db.select({ id: t.projects.id }).from(t.projects))
  if (!project) throw new Error('the store has no project')
  const agent = { id: seededId('agent', 2), name: 'seeded 2', incarnation: 1 }
  const principal = {
    subject: agent.id,
    project: project.id,
    role: 'developer' as const,
    capabilities: ['code'],
    agent,
    expiresAt: Number.POSITIVE_INFINITY,
  }
  const ctx = { principal, leaseTokens: new LeaseTokens(store.secret), claimGroups: new ClaimGroupCache() }
  const claimAndRelease = async () => {
    const start = performance.now()
    const { tasks } = await store.transact({ project: project.id }, (tx) =>
      claimIn(tx, ctx, { limit: 1, leaseMs: 30_000 }),
    )
    const tookMs = performance.now() - start
    const [task] = tasks
    if (!task) throw new Error('there was nothing to claim')
    const lease = { project: project.id, agentId: agent.id, taskId: task.id, leaseToken: task.leaseToken }
    await store.transact({ project: project.id }, (tx) => releaseLease(tx, lease))
    return tookMs
  }
  return { store, claimAndRelease }
}

const none = { messages: 0, events: 0 }
using short = await SeededFolder.of({ ...none, tasks: 2_000, ineligible: 0 }, systemClock)
using long = await SeededFolder.of({ ...none, tasks: Number(values.tasks), ineligible: 0.99 }, systemClock)
const few = await openQueue(short.file)
const many = await openQueue(long.file)
for (let index = 0; index < 200; index += 1) {
  await few.claimAndRelease()
  await many.claimAndRelease()
}
const pairs: { few: number; many: number }[] = []
for (let index = 0; index < Number(values.pairs); index += 1) {
  // The order alternates, because the second of a pair finds the processor caches of the first.
  const first = index % 2 === 0 ? await few.claimAndRelease() : undefined
  const other = await many.claimAndRelease()
  pairs.push({ few: first ?? (await few.claimAndRelease()), many: other })
}
await few.store[Symbol.asyncDispose]()
await many.store[Symbol.asyncDispose]()
const outcome = {
  pairs: pairs.length,
  ratio: Math.round(median(pairs.map((pair) => pair.many / pair.few)) * 1_000) / 1_000,
  few_us: Math.round(median(pairs.map((pair) => pair.few)) * 1_000),
  many_us: Math.round(median(pairs.map((pair) => pair.many)) * 1_000),
}
process.stdout.write(
  values.json
    ? `${JSON.stringify(outcome)}\n`
    : `claim from 1 000 eligible tasks ${outcome.few_us} µs, from ${values.tasks} of which 99 % of the pending are ineligible ${outcome.many_us} µs: ratio ${outcome.ratio}, median of ${outcome.pairs} pairs\n`,
)
