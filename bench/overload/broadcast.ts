/** Broadcasts as one caller: many `sendMany` calls at once, each of 100 messages to all agents. */
import { createClient } from '@tony/mcp-client'
import { serveJobs } from '../child.ts'

export interface BroadcastJob {
  readonly calls: number
}

export interface BroadcastResult {
  readonly messages: number
  readonly seconds: number
}

const [url = ''] = process.argv.slice(2)

async function run({ calls }: BroadcastJob): Promise<BroadcastResult> {
  const client = createClient({ url, deadlineMs: 600_000 })
  const start = performance.now()
  const message = { to: '*', type: 'broadcast', payload: { text: 'to all of you' } }
  const replies = await Promise.all(
    Array.from({ length: calls }, () =>
      client.messages.sendMany({ messages: Array.from({ length: 100 }, () => message) }),
    ),
  )
  const seconds = (performance.now() - start) / 1_000
  client.close()
  const messages = replies.reduce((sum, { results }) => sum + results.length, 0)
  return { messages, seconds }
}

serveJobs(run)
