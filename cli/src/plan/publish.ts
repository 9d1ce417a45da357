import type { Client } from '@tony/mcp-client'
import type { Plan, PlannedRow } from './plan.ts'

/** The changes of an import. */
export interface PublishResult {
  readonly planId: string
  readonly created: number
  readonly updated: number
  readonly unchanged: number
}

/** Limits of one call, in rows and in characters: a call must fit into a frame. */
const rowsPerCall = 200
const charactersPerCall = 200_000

function* toBatches(rows: readonly PlannedRow[]): Generator<PlannedRow[]> {
  let batch: PlannedRow[] = []
  let size = 0
  for (const row of rows) {
    const length = JSON.stringify(row).length
    if (batch.length === rowsPerCall || (batch.length > 0 && size + length > charactersPerCall)) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(row)
    size += length
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
  plan: Pick<Plan, 'name' | 'tasks'>,
  onProgress: (staged: number) => void = () => undefined,
): Promise<PublishResult> {
  const { planId } = await client.plans.begin({ name: plan.name })
  let staged = 0
  for (const tasks of toBatches(plan.tasks)) {
    await client.plans.add({ planId, tasks })
    staged += tasks.length
    onProgress(staged)
  }
  return client.plans.commit({ planId }, { deadlineMs: 120_000 })
}
