import { workerData } from 'node:worker_threads'
import { z } from 'zod'
import { flushData } from '../file-sync.ts'

/** Milliseconds between two flushes. */
const intervalMs = 10

/** Flushes a file while another thread writes it, until this thread is terminated. */
const { file } = z.object({ file: z.string() }).parse(workerData)
const sleepCell = new Int32Array(new SharedArrayBuffer(4))
for (;;) {
  flushData(file)
  Atomics.wait(sleepCell, 0, 0, intervalMs)
}
