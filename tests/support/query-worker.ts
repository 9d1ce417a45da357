import { workerData } from 'node:worker_threads'
import pg from 'pg'
import type { Asked } from './query.ts'

pg.types.setTypeParser(pg.types.builtins.INT8, Number)

async function rowsOf({ url, text, values }: Asked): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    // Without values the text may have several statements, and the result is then unused.
    const result = values.length === 0 ? await client.query(text) : await client.query(text, [...values])
    return 'rows' in result ? result.rows : []
  } finally {
    await client.end()
  }
}

const { port, answered } = workerData

/** Runs each query, and then wakes the thread that waits for its result. */
port.on('message', async (asked: Asked) => {
  const answer = await rowsOf(asked).then(
    (rows) => ({ rows }),
    (error: unknown) => ({ error: String(error) }),
  )
  port.postMessage(answer)
  Atomics.store(answered, 0, 1)
  Atomics.notify(answered, 0)
})
