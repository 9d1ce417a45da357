import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { yieldToEventLoop } from '@tony/mcp-server/platform/clock'
import { z } from 'zod'
import { dice } from '../dice.ts'
import { type Acknowledged, Answers } from '../power/acknowledged.ts'
import { chooseCuts } from '../power/cuts.ts'
import { Disk } from '../power/disk.ts'
import { epochOf, judgeImage, type Verdict } from '../power/judge.ts'
import { secretsIn } from '../power/recording.ts'
import { readTrace } from '../power/trace.ts'

/**
 * Judges images of a recording and prints a line for each. It is a process of its own because the
 * product ends its process when it finds a damaged page.
 */
const orderSchema = z.object({
  folder: z.string(),
  histories: z.array(z.string()),
  images: z.int(),
  imagesPerCut: z.int(),
  seed: z.int(),
  /** Places of the trace; no cut is before the first or after the last. */
  from: z.int(),
  to: z.int(),
})
const order = orderSchema.parse(JSON.parse(process.argv[2] ?? '{}'))
const data = join(order.folder, 'data')
const scratch = join(order.folder, `images-${process.pid}`)
const operations = readTrace(join(order.folder, 'trace'))
const answers = new Answers(order.histories, operations)
const roll = dice(order.seed)
const original = { original: data, epoch: epochOf(data), secrets: secretsIn(join(data, 'store')) }

let crash: unknown
process.on('uncaughtException', (error) => {
  crash = error
})

async function judge(folder: string, acknowledged: Acknowledged): Promise<Verdict> {
  crash = undefined
  const verdict = await judgeImage({ folder, acknowledged, ...original })
  await yieldToEventLoop()
  return crash === undefined ? verdict : { outcome: 'corrupt', why: String(crash) }
}

mkdirSync(scratch, { recursive: true })
const count = Math.ceil(order.images / order.imagesPerCut)
const cuts = chooseCuts(operations, data, { from: order.from, to: order.to, count, roll })
const image = join(scratch, 'image')

async function report(cut: number, hash: string, acknowledged: Acknowledged): Promise<void> {
  const verdict = await judge(image, acknowledged)
  process.stdout.write(`${JSON.stringify({ cut, hash, ...verdict })}\n`)
  rmSync(image, { recursive: true })
}

const disk = new Disk(data)
let applied = 0
for (const cut of cuts) {
  for (const operation of operations.slice(applied, cut + 1)) disk.apply(operation)
  applied = Math.max(applied, cut + 1)
  const acknowledged = answers.upTo(operations[cut]?.end ?? 0, scratch)
  for (let index = 0; index < order.imagesPerCut; index += 1) {
    const hash = disk.writeImage(image, roll)
    await report(cut, hash, acknowledged)
  }
}
// The files that the run left, without a power cut.
cpSync(data, image, { recursive: true, filter: (path) => !path.endsWith('.ballast') })
await report(operations.length, 'as they are', answers.upTo(operations.at(-1)?.end ?? 0, scratch))
rmSync(scratch, { recursive: true })
