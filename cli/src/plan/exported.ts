import { plannedTask } from '@tony/mcp-shared/plans'
import { z } from 'zod'
import type { Diagnostics } from './beads.ts'
import { type PlanRecord, problemOf } from './plan.ts'

/** The mark of a file that `tony-mcp export --format json` has written. */
export const exportMark = 'tony-mcp/plan'

const exportedFile = z.looseObject({
  format: z.literal(exportMark),
  version: z.literal(1),
  tasks: z.array(z.unknown()),
})

/** Returns the tasks of an exported file; undefined if the document is none. */
export const exportedTasks = (document: unknown): readonly unknown[] | undefined => {
  const parsed = exportedFile.safeParse(document)
  return parsed.success ? parsed.data.tasks : undefined
}

const exportedRow = plannedTask.omit({ metadata: true }).extend({
  metadata: z.record(z.string(), z.unknown()).default({}),
  outcome: z.unknown().optional(),
})

/**
 * Reads an exported file of this server. A row has the fields of a plan; `outcome`, which is what
 * became of the task where it was exported, is kept in the metadata.
 */
export function exportedRecords(tasks: readonly unknown[], { problems }: Diagnostics): PlanRecord[] {
  return tasks.flatMap((value, index) => {
    const parsed = exportedRow.safeParse(value)
    if (parsed.success) return [toPlanRecord(parsed.data)]
    problems.add({ problem: `tasks[${index}]: ${problemOf(parsed.error)}` })
    return []
  })
}

function toPlanRecord(source: z.output<typeof exportedRow>): PlanRecord {
  const { externalId, type, status, priority, title, description, metadata, outcome, ...others } = source
  const { acceptanceCriteria, design, notes, parentId, dependsOn, waitsFor, hold, notBefore, epic, ...fields } = others
  const edge = (to: string) => ({ from: externalId, to, isExact: true, source: { depends_on_id: to } })
  return {
    ...{ id: externalId, kind: type, status, priority, title, description },
    ...(acceptanceCriteria === undefined ? {} : { acceptanceCriteria }),
    ...(design === undefined ? {} : { design }),
    ...(notes === undefined ? {} : { notes }),
    ...(hold === undefined ? {} : { hold }),
    ...(notBefore === undefined ? {} : { notBefore }),
    metadata: outcome === undefined ? metadata : { ...metadata, outcome },
    fields: { ...fields, epic: epic ?? null },
    edges: [
      ...(parentId === undefined ? [] : [{ ...edge(parentId), kind: 'parent' as const }]),
      ...dependsOn.map((to) => ({ ...edge(to), kind: 'blocks' as const })),
      ...waitsFor.map(({ taskId, kind }) => ({ ...edge(taskId), kind })),
    ],
  }
}
