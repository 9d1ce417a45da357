import { eventTypes } from '@tony/mcp-shared/event-words'
import { delimitText, toUntrustedText } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Output } from './calls.ts'
import { countAndSpendFitting } from './output-budget.ts'
import { tool } from './tool.ts'

/** Maximum number of characters shown of the data of one event. */
const maxDataCharacters = 1_000

const eventView = z.object({
  at: z.string(),
  type: z.string(),
  subject: z.string().nullable(),
  by: z.string().nullable(),
  data: z.string().optional(),
})

type FeedEvent = Output<'events.list'>['events'][number]

function toEventView({ at, type, subject, actor, data }: FeedEvent): z.output<typeof eventView> {
  const text = toUntrustedText(data)
  const cut = text.length - maxDataCharacters
  const note = cut > 0 ? `${cut} more characters: call explain with the subject` : undefined
  const shown = delimitText(text.slice(0, maxDataCharacters), { source: `data of ${type}`, note })
  return { at, type, subject, by: actor, data: shown }
}

export const feed = tool({
  name: 'feed',
  title: 'Read what happened',
  description:
    'Reads what happened in the project, oldest first. Pass "cursor" of the answer as "cursor" to go on. Without it, it begins with the first event kept.',
  readOnly: true,
  input: z.strictObject({
    cursor: z.string().max(64).optional(),
    types: z.array(z.string()).min(1).max(10).optional().describe('such as task.completed, task.failed, message.sent'),
    taskId: z.string().optional().describe('only about this task'),
    limit: z.int().min(1).max(200).default(50),
  }),
  output: z.object({ events: z.array(eventView), cursor: z.string(), more: z.boolean() }),
  run: async (toolSession, { cursor: start, types, taskId, limit }, { budget }) => {
    const { events, cursor, more } = await toolSession.call('events.list', {
      limit,
      ...(start === undefined ? {} : { cursor: start }),
      ...(types ? { types: z.array(z.enum(eventTypes)).parse(types) } : {}),
      ...(taskId === undefined ? {} : { taskId }),
    })
    const views = events.map(toEventView)
    const fitting = countAndSpendFitting(views, budget)
    const last = events[Math.max(fitting, 1) - 1]
    if (!last || fitting === views.length) return { events: views, cursor, more }
    const epoch = cursor.slice(0, cursor.lastIndexOf('.'))
    return { events: views.slice(0, Math.max(fitting, 1)), cursor: `${epoch}.${last.seq}`, more: true }
  },
})
