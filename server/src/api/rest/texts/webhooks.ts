import { exampleIds, type OperationTexts } from '../operation-text.ts'

const webhookId = exampleIds.webhook

/** The texts of the procedures of webhooks. */
export const webhookTexts: OperationTexts = {
  'webhooks.create': {
    summary: 'Create a webhook',
    description:
      'Sends the events of the filter to a URL, signed with the secret of the reply. A second call renews it.',
    input: { url: 'https://example.com/hook', filter: { types: ['task.completed'] } },
  },
  'webhooks.list': {
    summary: 'List webhooks',
    description: 'Returns the webhooks of the caller with their state, without their secrets.',
    input: {},
  },
  'webhooks.rotate': {
    summary: 'Rotate the secret of a webhook',
    description: 'Replaces the secret. Deliveries are signed with both secrets for a while.',
    input: { webhookId, overlapMs: 3_600_000 },
  },
  'webhooks.delete': {
    summary: 'Delete a webhook',
    description: 'Ends the webhook. Nothing more is sent.',
    input: { webhookId },
  },
  'webhooks.deliveries': {
    summary: 'List failed deliveries of a webhook',
    description: 'Returns the deliveries that were given up, oldest first.',
    input: { webhookId, limit: 2 },
  },
  'webhooks.redrive': {
    summary: 'Send failed deliveries again',
    description: 'Sends the oldest deliveries that were given up again, and ends the suspension of the webhook.',
    input: { webhookId },
  },
  'webhooks.test': {
    summary: 'Test a webhook',
    description: 'Sends one signed body now and returns whether it was delivered.',
    input: { webhookId },
  },
}
