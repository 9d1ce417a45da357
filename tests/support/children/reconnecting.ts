import { getEventListeners } from 'node:events'
import { createClient } from '@tony/mcp-client'
import { Weather } from '../weather.ts'

/**
 * Loses its connection and reconnects this many times, each time with a call and two subscriptions
 * open. Prints its open resources after a tenth of the rounds and at the end. It ends once
 * everything is closed.
 */
const [, , url = '', calls = 'socket', times = '1000'] = process.argv
const rounds = Number(times)
const weather = await Weather.start(url)
const client = createClient({
  url: weather.url,
  ...(calls === 'http' ? ({ calls: 'http', subscriptions: 'sse' } as const) : {}),
  retries: { perSecond: 10_000 },
  breaker: { failures: 1_000_000 },
})
const ending = new AbortController()
const feed = client.events.subscribe({ cursor: 'start' }, { signal: ending.signal })
const reading = (async () => {
  let count = 0
  for await (const _ of feed) count += 1
  return count
})()

interface Held {
  readonly heap: number
  readonly handles: readonly string[]
}

function held(): Held {
  for (let times = 0; times < 3; times += 1) globalThis.gc?.()
  return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().toSorted() }
}

const measured: Held[] = []
for (let round = 1; round <= rounds; round += 1) {
  const other = client.events.subscribe({}, { signal: ending.signal })
  const call = client.tasks.create({ type: 'code' })
  weather.strike('reset')
  await call
  other.close()
  if (round === rounds / 10 || round === rounds) measured.push(held())
}
const listeners = getEventListeners(ending.signal, 'abort').length
ending.abort()
await reading
client.close()
await weather[Symbol.asyncDispose]()
process.stdout.write(`held ${JSON.stringify({ measured, listeners, connections: weather.connections })}\n`)
