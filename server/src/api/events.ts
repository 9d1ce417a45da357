import { event, eventListInput, eventListOutput, eventSubscribeInput } from '@tony/mcp-shared/events'
import { listEvents } from '../operations/events/list.ts'
import { subscribeToEvents } from '../operations/events/subscribe.ts'
import { query, resumableSubscription, router } from './procedure.ts'

export const eventsRouter = router({
  subscribe: resumableSubscription(
    { permission: 'events:read', cost: 5, input: eventSubscribeInput, output: event },
    subscribeToEvents,
  ),
  list: query({ permission: 'events:read', cost: 2, input: eventListInput, output: eventListOutput }, listEvents),
})
