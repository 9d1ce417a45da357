import type { Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { parseDuration } from '../options.ts'
import { formatAge } from '../output/cells.ts'
import { addDestructiveVerb } from './destructive.ts'
import { addList } from './list.ts'
import { addVerb, collect } from './verb.ts'

type Webhooks = Client['webhooks']
type CreateInput = Parameters<Webhooks['create']>[0]
type Webhook = Awaited<ReturnType<Webhooks['list']>>['webhooks'][number]
type WebhookDelivery = Awaited<ReturnType<Webhooks['deliveries']>>['deadLetters'][number]

interface CreateOptions {
  readonly type?: NonNullable<CreateInput['filter']>['types']
  readonly epic?: string
  readonly format?: CreateInput['format']
  readonly life?: number
}

function addLists(webhooks: Command): void {
  addList<Webhook, object>(webhooks, {
    name: 'ls',
    description: 'list the webhooks of the project',
    load: async (client) => ({ rows: (await client.webhooks.list()).webhooks, nextCursor: null }),
    columns: () => ({
      id: ({ webhookId }) => webhookId,
      state: ({ state }) => state,
      url: ({ url }) => url,
      delivered: ({ deliveredAt }) => formatAge(deliveredAt),
      failing: ({ failingSince }) => formatAge(failingSince),
      error: ({ lastError }) => lastError,
      dead: ({ deadLetters }) => deadLetters,
    }),
    none: 'no webhooks',
  })
  addList<WebhookDelivery, object>(webhooks, {
    name: 'deliveries',
    usage: '<webhook>',
    description: 'list the deliveries that were given up, oldest first',
    load: async (client, request, _, [webhookId = '']) => {
      const page = await client.webhooks.deliveries({ webhookId, ...request })
      return { rows: page.deadLetters, nextCursor: page.nextCursor }
    },
    columns: () => ({
      delivery: ({ messageId }) => messageId,
      event: ({ seq }) => seq,
      attempts: ({ attempts }) => attempts,
      error: ({ lastError }) => lastError,
      age: ({ at }) => formatAge(at),
      redriven: ({ redriven }) => (redriven ? 'yes' : null),
    }),
    none: 'no deliveries were given up',
  })
}

function addCreateVerb(webhooks: Command): void {
  addVerb<CreateOptions, Awaited<ReturnType<Webhooks['create']>>>(webhooks, {
    name: 'create',
    usage: '<url>',
    description: 'send events to a URL; prints the id and the secret that signs the deliveries',
    addOptions: (command) =>
      command
        .option('--type <type>', 'only events of this type; repeat it for several', collect)
        .option('--epic <epic>', 'only events of this epic')
        .addOption(new Option('--format <format>', 'the form of the bodies').choices(['standard', 'batch', 'mcp']))
        .option('--life <duration>', 'how long it lives, such as 30d; default: without an end', parseDuration),
    run: ({ client, values: [url = ''], options: { type, epic, format, life } }) =>
      client.webhooks.create({ url, filter: { types: type, epic }, format, ttlMs: life }),
    format: ({ webhookId, secret }) => `${webhookId}  ${secret}`,
  })
}

interface RotateOptions {
  readonly overlap?: number
}

function addRotation(webhooks: Command): void {
  addVerb<RotateOptions, Awaited<ReturnType<Webhooks['rotate']>>>(webhooks, {
    name: 'rotate',
    usage: '<webhook>',
    description: 'replace the secret of a webhook and print the new one; the old one signs too for a while',
    addOptions: (command) =>
      command.option('--overlap <duration>', 'how long both secrets sign, at most 7d (default: 1d)', parseDuration),
    run: ({ client, values: [webhookId = ''], options: { overlap } }) =>
      client.webhooks.rotate({ webhookId, overlapMs: overlap }),
    format: ({ secret }) => secret,
  })
}

/** Adds `tony-mcp webhooks`. */
export function addWebhookCommands(tony: Command): void {
  const webhooks = tony.command('webhooks')
  addLists(webhooks)
  addCreateVerb(webhooks)
  addRotation(webhooks)
  addVerb<object, Awaited<ReturnType<Webhooks['redrive']>>>(webhooks, {
    name: 'redrive',
    usage: '<webhook>',
    description: 'send the deliveries again that were given up, and end a suspension',
    run: ({ client, values: [webhookId = ''] }) => client.webhooks.redrive({ webhookId }),
    format: ({ redriven }) => `sends ${redriven} deliveries again`,
  })
  addVerb<object, object>(webhooks, {
    name: 'test',
    usage: '<webhook>',
    description: 'send one test delivery now',
    run: ({ client, values: [webhookId = ''] }) => client.webhooks.test({ webhookId }),
    format: (reply) => JSON.stringify(reply),
  })
  addDestructiveVerb<object, Awaited<ReturnType<Webhooks['delete']>>>(webhooks, {
    name: 'rm',
    usage: '<webhook>',
    description: 'delete a webhook with its deliveries',
    effects: async ({ values: [webhookId = ''] }) => [{ id: webhookId, text: 'this webhook and its deliveries' }],
    run: ({ client, values: [webhookId = ''] }) => client.webhooks.delete({ webhookId }),
    format: ({ webhookId }) => `${webhookId} is deleted`,
  })
}
