import type { Client } from '@tony/mcp-client'
import { inputKeyLimit } from '@tony/mcp-shared/well-formed'
import { removeAbsentAgents } from './assignees.ts'
import type { Plan, PlannedRow } from './plan.ts'
import { sizeOfRow } from './row-size.ts'

/** The changes of an import, and the tasks that keep another status than the plan's. */
export type PublishResult = Awaited<ReturnType<Client['plans']['commit']>> & {
  /** The agents that the project does not have, with the number of their tasks. */
  readonly absentAgents?: Readonly<Record<string, number>>
}

/** Limits of one call, in rows, characters and keys: a call must fit into a frame. */
const rowsPerCall = 200
const charactersPerCall = 200_000
const keysPerCall = inputKeyLimit - 1_000

/** Calls that are on their way at the same time. */
const maxOpenCalls = 4

function* toBatches(rows: readonly PlannedRow[]): Generator<PlannedRow[]> {
  let batch: PlannedRow[] = []
  let size = 0
  let keys = 0
  for (const row of rows) {
    const { characters, keyCount: added } = sizeOfRow(row)
    const isFull = batch.length === rowsPerCall || size + characters > charactersPerCall || keys + added > keysPerCall
    if (batch.length > 0 && isFull) {
      yield batch
      batch = []
      size = 0
      keys = 0
    }
    batch.push(row)
    size += characters
    keys += added
  }
  if (batch.length > 0) yield batch
}

/**
 * Publishes a plan: stages it in batches and then commits it. A refused plan publishes nothing. A
 * second import of the same plan changes only the differences. `onProgress` receives the number of
 * staged rows.
 */
export async function publishPlan(
  client: Client,
  plan: Pick<Plan, 'name' | 'tasks' | 'liftHolds'>,
  onProgress: (staged: number) => void = () => undefined,
): Promise<PublishResult> {
  const { rows, absent } = await removeAbsentAgents(client, plan)
  const { planId } = await client.plans.begin({ name: plan.name })
  let staged = 0
  const batches = toBatches(rows)
  // Each sender makes its next call at once: the server stages rows while this process sends more.
  const sendBatches = async () => {
    for (const tasks of batches) {
      await client.plans.add({ planId, tasks })
      staged += tasks.length
      onProgress(staged)
    }
  }
  await Promise.all(Array.from({ length: maxOpenCalls }, sendBatches))
  const published = await client.plans.commit({ planId }, { deadlineMs: 120_000 })
  return absent.size === 0 ? published : { ...published, absentAgents: Object.fromEntries(absent) }
}
