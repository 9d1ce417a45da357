import type { Client, DeadLetter } from '@tony/mcp-client'
import type { Command } from 'commander'
import { formatAge } from '../output/cells.ts'
import type { DestructiveEffect } from './confirmation.ts'
import { addDestructiveVerb } from './destructive.ts'
import { addList } from './list.ts'
import { addVerb, type VerbCall } from './verb.ts'

interface DeadLetterFilterOptions {
  readonly to?: string
  readonly from?: string
  readonly type?: string
  readonly before?: string
}

const addFilterOptions = (command: Command): Command =>
  command
    .option('--to <agent>', 'only those to this agent')
    .option('--from <agent>', 'only those from this agent')
    .option('--type <type>', 'only those of this type')
    .option('--before <time>', 'only those that died before, such as 2026-11-30T08:00:00.000Z')

type Filter = Parameters<Client['messages']['deadLetters']['purge']>[0]['filter']

const filterOf = ({ to, from, type, before }: DeadLetterFilterOptions, messageIds: readonly string[] = []): Filter => ({
  to,
  from,
  type,
  before,
  ...(messageIds.length === 0 ? {} : { messageIds }),
})

/** The reason of the last failed delivery. */
const reasonOf = ({ failures, lastError }: DeadLetter): string | null => {
  const last = failures.at(-1)
  return last === undefined ? lastError : [last.reason, last.error].filter(Boolean).join(': ')
}

/** The most dead letters that one call changes. */
const maxBulk = 500

async function selectDeadLetters({
  client,
  values,
  options,
}: VerbCall<DeadLetterFilterOptions>): Promise<DestructiveEffect[]> {
  const filter = filterOf(options, values)
  const { deadLetters } = await client.messages.deadLetters.list({ filter, limit: maxBulk })
  return deadLetters.map((letter) => ({ id: letter.id, text: `${letter.type}  ${reasonOf(letter) ?? ''}` }))
}

type Redrive = Awaited<ReturnType<Client['messages']['deadLetters']['redrive']>>

function addRedrive(letters: Command): void {
  addVerb<DeadLetterFilterOptions & { readonly into?: string }, Redrive>(letters, {
    name: 'redrive',
    usage: '[message...]',
    description: 'return dead letters to an inbox: the named ones, or those of a filter, at most 500',
    addOptions: (command) =>
      addFilterOptions(command).option('--into <agent>', 'another inbox; default: that of the recipient'),
    run: ({ client, values, options }) =>
      client.messages.deadLetters.redrive({ filter: filterOf(options, values), to: options.into }),
    format: ({ redriven, refused, more }) =>
      [
        `returned ${redriven.length} messages${more ? ', and there are more' : ''}`,
        ...refused.map(({ messageId, error }) => `${messageId} stays dead: ${error.message}`),
      ].join('\n'),
  })
}

/** Adds `tony-mcp dlq`. */
export function addDeadLetterCommands(tony: Command): void {
  const letters = tony.command('dlq')
  addList<DeadLetter, DeadLetterFilterOptions>(letters, {
    name: 'ls',
    description: 'list dead letters, oldest first',
    addOptions: addFilterOptions,
    load: async (client, request, options) => {
      const page = await client.messages.deadLetters.list({ filter: filterOf(options), ...request })
      return { rows: page.deadLetters, nextCursor: page.nextCursor }
    },
    agentsOf: ({ from, to }) => [from, to],
    columns: (names) => ({
      id: ({ id }) => id,
      from: ({ from }) => names.of(from) ?? 'the developer',
      to: ({ to }) => names.of(to),
      type: ({ type }) => type,
      died: ({ endedAt }) => formatAge(endedAt),
      deliveries: ({ attempt }) => attempt,
      reason: reasonOf,
    }),
    none: 'no dead letters',
  })
  addRedrive(letters)
  addDestructiveVerb<DeadLetterFilterOptions, Awaited<ReturnType<Client['messages']['deadLetters']['purge']>>>(
    letters,
    {
      name: 'purge',
      usage: '[message...]',
      description: 'delete dead letters: the named ones, or those of a filter, at most 500',
      addOptions: addFilterOptions,
      effects: selectDeadLetters,
      run: async ({ client }, effects) =>
        effects.length === 0
          ? { purged: 0, more: false }
          : client.messages.deadLetters.purge({ filter: { messageIds: effects.map(({ id }) => id) } }),
      format: ({ purged }) => `deleted ${purged} dead letters`,
    },
  )
}
