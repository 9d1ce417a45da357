import { workerData } from 'node:worker_threads'
import { z } from 'zod'
import { flushData } from '../file-sync.ts'

/** How long the file grows between two flushes, in milliseconds. */
const everyMs = 10

/** Flushes a file while another thread writes it, until it is ended. */
const { file } = z.object({ file: z.string() }).parse(workerData)
const asleep = new Int32Array(new SharedArrayBuffer(4))
for (;;) {
  flushData(file)
  Atomics.wait(asleep, 0, 0, everyMs)
}
