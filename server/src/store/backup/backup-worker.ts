import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { writeBackup } from './backup.ts'

/** Writes one backup off the main thread: the copy, its proof and its hash would each hold up every caller. */
if (!parentPort) throw new Error('backup-worker.ts runs as a worker of the store')
// On Linux this is of the thread alone, elsewhere of the process: callers go first where there are fewer cores than work.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
const request = z.object({ file: z.string(), folder: z.string(), at: z.number() }).parse(workerData)
parentPort.postMessage(writeBackup(request))
