/** A watcher in its own process: follows the whole feed and records every event. */
import { join } from 'node:path'
import { createClient } from '@tony/mcp-client'
import { History } from './history.ts'

interface WatcherParams {
  readonly url: string
  readonly name: string
  readonly folder: string
}

const { url, name, folder }: WatcherParams = JSON.parse(process.argv[2] ?? '{}')
const history = new History(join(folder, `${name}.jsonl`), name)
const client = createClient({ url })
const feed = client.events.subscribe({ cursor: 'start' })
history.note('watch', { watcher: name, from: 0 })
process.once('SIGTERM', () => {
  feed.close()
  client.close()
  process.disconnect()
})
process.send?.('ready')
for await (const { seq, type, subject } of feed) {
  if (type === 'checkpoint') continue
  history.note('event', { watcher: name, seq, type, subject })
  process.send?.({ seq })
}
