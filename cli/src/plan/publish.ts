import type { Client } from '@tony/mcp-client'
import type { Plan, PlannedRow } from './plan.ts'

/** What an import changed. */
export interface PublishResult {
  readonly planId: string
  readonly created: number
  readonly updated: number
  readonly unchanged: number
}

/** So many rows go in one call, and less where their text is long: a call has to fit a frame. */
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
 * Makes a plan the project's work: staged in portions, then published in one transaction, all of it or nothing. Importing
 * the same plan again changes only what differs. `onProgress` is told how many rows are staged.
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
