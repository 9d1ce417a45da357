import * as shapes from '@tony/mcp-shared/webhooks'
import { createWebhook } from '../operations/webhooks/create.ts'
import { removeWebhook } from '../operations/webhooks/delete.ts'
import { listWebhookDeliveries } from '../operations/webhooks/deliveries.ts'
import { listWebhooks } from '../operations/webhooks/list.ts'
import { redriveWebhook } from '../operations/webhooks/redrive.ts'
import { rotateWebhook } from '../operations/webhooks/rotate.ts'
import { testWebhook } from '../operations/webhooks/test.ts'
import { mutation, query, router } from './procedure.ts'

/** Cost of a call that sends a request to an endpoint. */
const httpRequestCost = 50

export const webhooksRouter = router({
  create: mutation(
    {
      permission: 'webhooks:write',
      cost: httpRequestCost,
      repeatable: true,
      input: shapes.webhookCreateInput,
      output: shapes.webhookCreateOutput,
    },
    createWebhook,
  ),
  list: query(
    { permission: 'webhooks:read', cost: 2, input: shapes.webhookListInput, output: shapes.webhookListOutput },
    listWebhooks,
  ),
  rotate: mutation(
    { permission: 'webhooks:write', input: shapes.webhookRotateInput, output: shapes.webhookRotateOutput },
    rotateWebhook,
  ),
  delete: mutation(
    { permission: 'webhooks:write', input: shapes.webhookDeleteInput, output: shapes.webhookDeleteOutput },
    removeWebhook,
  ),
  deliveries: query(
    {
      permission: 'webhooks:read',
      cost: 2,
      input: shapes.webhookDeliveriesInput,
      output: shapes.webhookDeliveriesOutput,
    },
    listWebhookDeliveries,
  ),
  redrive: mutation(
    {
      permission: 'webhooks:write',
      repeatable: true,
      input: shapes.webhookRedriveInput,
      output: shapes.webhookRedriveOutput,
    },
    redriveWebhook,
  ),
  test: mutation(
    {
      permission: 'webhooks:write',
      cost: httpRequestCost,
      repeatable: true,
      input: shapes.webhookTestInput,
      output: shapes.webhookTestOutput,
    },
    testWebhook,
  ),
})
