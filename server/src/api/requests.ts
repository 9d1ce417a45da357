import * as shapes from '@tony/mcp-shared/requests'
import { replyToRequest } from '../operations/requests/reply.ts'
import { routeRequest } from '../operations/requests/route.ts'
import { mutation, router } from './procedure.ts'

export const requestsRouter = router({
  route: mutation(
    {
      permission: 'requests:write',
      cost: 2,
      waitField: 'timeoutMs',
      input: shapes.requestRouteInput,
      output: shapes.requestRouteOutput,
    },
    routeRequest,
  ),
  reply: mutation(
    { permission: 'requests:write', input: shapes.requestReplyInput, output: shapes.requestReplyOutput },
    replyToRequest,
  ),
})
