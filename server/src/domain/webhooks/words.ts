import {
  type WebhookError,
  type WebhookFormat,
  webhookErrors,
  webhookFormats,
  webhookStates,
} from '@tony/mcp-shared/webhooks'

const createWordParser =
  <W extends string>(known: readonly W[]) =>
  (text: string): W => {
    const word = known.find((each) => each === text)
    if (word === undefined) throw new Error(`a webhook has the unknown word ${text}`)
    return word
  }

/** Parse the words of a stored webhook. They throw for an unknown one. */
export const toWebhookFormat: (text: string) => WebhookFormat = createWordParser(webhookFormats)
export const toWebhookState: (text: string) => (typeof webhookStates)[number] = createWordParser(webhookStates)
export const toWebhookError: (text: string) => WebhookError = createWordParser(webhookErrors)
