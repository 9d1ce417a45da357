import type { Client, FeedEvent } from '@tony/mcp-client'
import type { Command } from 'commander'
import { parseDuration } from '../options.ts'
import { AgentNames } from '../output/agent-names.ts'
import { formatCell } from '../output/cells.ts'
import { pickerOf } from '../output/json.ts'
import { createStreamEnd, type StreamEnd } from '../stream-end.ts'
import { addCommand, parseCount, setCommandAction, type VerbOptions, withClient } from './verb.ts'

interface WatchOptions {
  readonly type?: FeedFilter['types']
  readonly task?: string
  readonly agent?: string
  readonly epic?: string
  readonly thread?: string
  readonly from?: string
  readonly limit?: number
  readonly timeout?: number
}

type FeedFilter = NonNullable<Parameters<Client['events']['subscribe']>[0]>

/** Returns the line of an event for people. */
async function formatEvent(names: AgentNames, { at, type, subject, actor, data }: FeedEvent): Promise<string> {
  await names.load([actor])
  const who = actor === null ? '' : `  ${formatCell(names.of(actor))}`
  return `${at.slice(11, 19)}  ${type.padEnd(20)}  ${subject ?? '-'}${who}  ${formatCell(JSON.stringify(data))}`
}

const splitTypes = (types: readonly string[] | undefined): string[] | undefined =>
  types?.flatMap((words) => words.split(','))

async function watchFeed(client: Client, options: WatchOptions & VerbOptions, end: StreamEnd) {
  const { type, task, agent, epic, thread, from, limit, json } = options
  const agentId = agent === undefined ? undefined : (await client.agents.get({ agent })).id
  // The server refuses an unknown type by its name.
  const types = splitTypes(type) as FeedFilter['types']
  const filter = { types, taskId: task, agentId, epic, threadId: thread, cursor: from }
  const feed = client.events.subscribe(filter, { signal: end.signal })
  const [pick, names] = [pickerOf(json), new AgentNames(client)]
  let printed = 0
  for await (const event of feed) {
    if (event.type === 'checkpoint') continue
    const line = json ? JSON.stringify(pick({ ...event, cursor: feed.cursor })) : await formatEvent(names, event)
    process.stdout.write(`${line}\n`)
    printed += 1
    if (printed === limit) break
  }
  if (feed.cursor !== undefined) process.stderr.write(`go on with --from ${feed.cursor}\n`)
}

/** Adds `tony-mcp watch`. */
export function addWatchCommand(tony: Command): void {
  const addOptions = (command: Command) =>
    command
      .option('--type <types>', 'only these types, such as task.completed,task.failed', (words, before: string[]) => [
        ...(before ?? []),
        words,
      ])
      .option('--task <task>', 'only events about this task')
      .option('--agent <agent>', 'only events about or caused by this agent')
      .option('--epic <epic>', 'only events of this epic')
      .option('--thread <thread>', 'only events of this thread')
      .option('--from <cursor>', 'go on after this cursor; start is the beginning of the log. Default: now')
      .option('--limit <n>', 'end after this number of events', parseCount)
      .option('--timeout <duration>', 'end after this time, such as 30s, with exit code 124', parseDuration)
  setCommandAction<WatchOptions>(addCommand(tony, { name: 'watch', description: '', addOptions }), '', (_, options) =>
    withClient(options, async (client) => {
      const end = createStreamEnd(options.timeout)
      try {
        await watchFeed(client, options, end)
      } finally {
        end.stop()
      }
      process.exitCode = end.exitCode()
    }),
  )
}
