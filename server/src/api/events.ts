import { event, eventListInput, eventListOutput, eventSubscribeInput } from '@tony/mcp-shared/events'
import { listEvents } from '../events/list.ts'
import { subscribeToEvents } from '../events/subscribe.ts'
import { query, router, subscription } from './procedure.ts'

export const events = router({
  subscribe: subscription(
    { permission: 'events:read', cost: 5, input: eventSubscribeInput, output: event },
    subscribeToEvents,
  ),
  list: query({ permission: 'events:read', cost: 2, input: eventListInput, output: eventListOutput }, listEvents),
})
