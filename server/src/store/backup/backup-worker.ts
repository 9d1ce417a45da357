import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { writeBackup } from './backup.ts'

/**
 * Writes one backup off the main thread, where the copy, its check and its hash would delay every
 * caller.
 */
if (!parentPort) throw new Error('backup-worker.ts runs as a worker of the store')
// On Linux this lowers the priority of this thread only, elsewhere of the whole process. Callers
// take precedence if cores are scarce.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
const request = z.object({ file: z.string(), folder: z.string(), at: z.number() }).parse(workerData)
parentPort.postMessage(writeBackup(request))
