import type { agentListInput, agentListOutput } from '@tony/mcp-shared/agents'
import { and, eq, getTableColumns, gt, inArray, ne, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { pageByteLimit } from '../../platform/paging.ts'
import type { Reader } from '../../store/store.ts'
import { type AgentOutput, toAgentOutput } from './serialize.ts'

type Input = z.output<typeof agentListInput>

/** The number of agents to read at a time. Only matching agents count for the page. */
const chunkLimit = 100

/** Returns agents by name without their metadata, which may be large. */
async function readAgents(reader: Reader, ctx: Context, { type, cursor }: Pick<Input, 'type' | 'cursor'>) {
  const { agents } = reader.t
  const { metadata, ...columns } = getTableColumns(agents)
  const where = [eq(agents.projectId, ctx.principal.project), ne(agents.status, 'unregistered')]
  if (type !== undefined) where.push(eq(agents.type, type))
  if (cursor !== undefined) where.push(gt(agents.name, cursor))
  const rows = await reader.db
    .select({ ...columns, bytes: sql<number>`octet_length(${metadata}) + octet_length(${agents.capabilities})` })
    .from(agents)
    .where(and(...where))
    .orderBy(agents.name)
    .limit(chunkLimit)
  const outputs = await Promise.all(rows.map((row) => toAgentOutput(ctx, reader, { ...row, metadata: '{}' })))
  return outputs.map((output, index) => ({ output, bytes: rows[index]?.bytes ?? 0 }))
}

const matchesFilter = ({ status, capability }: Input, agent: AgentOutput): boolean =>
  (status === undefined || agent.status === status) &&
  (capability === undefined || agent.capabilities.includes(capability))

/** Adds the metadata to a page of agents. */
async function addMetadata({ db, t: { agents } }: Reader, page: readonly AgentOutput[]): Promise<AgentOutput[]> {
  const { id, metadata } = agents
  const ids = page.map((agent) => agent.id)
  const rows = ids.length === 0 ? [] : await db.select({ id, metadata }).from(agents).where(inArray(id, ids))
  const texts = new Map(rows.map((row) => [row.id, row.metadata]))
  return page.map((agent) => ({ ...agent, metadata: JSON.parse(texts.get(agent.id) ?? '{}') }))
}

/** `agents.list`: sorted by name, in pages. */
export const listAgents = (ctx: Context, input: Input): Promise<z.output<typeof agentListOutput>> =>
  ctx.read(async (reader) => {
    const page: AgentOutput[] = []
    let size = 0
    let { cursor } = input
    for (;;) {
      const chunk = await readAgents(reader, ctx, { type: input.type, cursor })
      for (const { output, bytes } of chunk.filter((candidate) => matchesFilter(input, candidate.output))) {
        size += bytes
        const last = page.at(-1)
        if (last && (page.length === input.limit || size > pageByteLimit))
          return { agents: await addMetadata(reader, page), nextCursor: last.name }
        page.push(output)
      }
      cursor = chunk.at(-1)?.output.name
      if (chunk.length < chunkLimit) return { agents: await addMetadata(reader, page), nextCursor: null }
    }
  })
