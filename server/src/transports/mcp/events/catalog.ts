import { eventTypes } from '@tony/mcp-shared/event-words'
import { eventFilter } from '@tony/mcp-shared/events'
import { z } from 'zod'
import { anyEventName } from '../../../domain/webhooks/bodies.ts'
import { protocolError, rpcCodes } from './errors.ts'

/** The arguments of a subscription. The name of the event type is the filter of types. */
const eventArguments = eventFilter.omit({ types: true })

const inputSchema = z.toJSONSchema(eventArguments, { io: 'input' })

const payloadSchema = {
  type: 'object',
  required: ['seq', 'at', 'type', 'subject', 'actor', 'data'],
  properties: {
    seq: { type: 'integer', description: 'The number of the event, dense and in commit order' },
    at: { type: 'string', format: 'date-time' },
    type: { type: 'string', description: 'The type of the event' },
    subject: { type: ['string', 'null'], description: 'Id of the task, message, agent, plan or project' },
    actor: { type: ['string', 'null'], description: 'Id of the agent that caused it' },
    data: { type: 'object' },
  },
}

const descriptionOf = (name: string): string =>
  name === anyEventName ? 'Every event of the project that the caller may see' : `The event ${name} of the feed`

/** Returns the event types of MCP, of which the first one has every event. */
export const listEventTypes = (modes: readonly string[]) =>
  [anyEventName, ...eventTypes].map((name) => ({
    name,
    description: descriptionOf(name),
    delivery: modes,
    inputSchema,
    payloadSchema,
  }))

export const subscriptionParams = z.looseObject({
  name: z.string(),
  arguments: z.unknown().optional(),
  cursor: z.string().nullish(),
  maxAgeMs: z.int().min(0).nullish(),
})
type SubscriptionParams = z.output<typeof subscriptionParams>

/** Returns the filter of the feed for a subscription. Throws the errors of MCP Events. */
export function filterOf({ name, arguments: given = {} }: Pick<SubscriptionParams, 'name' | 'arguments'>) {
  const types = eventTypes.filter((type) => type === name)
  if (types.length === 0 && name !== anyEventName)
    throw protocolError(rpcCodes.notFound, `there is no event type ${name}: see events/list`, { kind: 'event' })
  const { data, error } = eventArguments.safeParse(given)
  if (!data) throw protocolError(rpcCodes.invalidParams, `arguments: ${error.issues[0]?.message ?? 'not accepted'}`)
  return types.length === 0 ? data : { ...data, types }
}
