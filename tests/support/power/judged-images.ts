import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { CutRange } from './cuts.ts'
import type { Recording } from './recording.ts'

const script = fileURLToPath(new URL('../children/judge-images.ts', import.meta.url))
const imports = `--import=${new URL('../resolve-drizzle.mjs', import.meta.url)}`

/** Time for the images of one recording, in milliseconds. */
const judgeLimitMs = 1_800_000

const judged = z.object({
  cut: z.int(),
  hash: z.string(),
  outcome: z.enum(['ok', 'lost', 'corrupt']),
  why: z.string(),
})

export interface ImageCounts {
  readonly images: number
  readonly distinct: number
  readonly lost: number
  readonly corrupt: number
  /** The first images that are not right. */
  readonly failures: readonly string[]
}

export interface ImagesOptions extends Partial<CutRange> {
  readonly images: number
  readonly imagesPerCut: number
  readonly seed: number
}

/** Builds images of a recording as power cuts may leave them. Another process judges them. */
export async function judgeImages(
  { folder, histories }: Recording,
  { from = 0, to = Number.MAX_SAFE_INTEGER, ...options }: ImagesOptions,
): Promise<ImageCounts> {
  const order = JSON.stringify({ folder, histories, from, to, ...options })
  const child = spawn(process.execPath, ['--conditions=tony-source', imports, script, order], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: judgeLimitMs,
    killSignal: 'SIGKILL',
  })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += String(data)
  })
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const verdicts: z.output<typeof judged>[] = []
  for await (const line of createInterface({ input: child.stdout })) verdicts.push(judged.parse(JSON.parse(line)))
  const code = await closed
  if (code !== 0) throw new Error(`the judge ended with code ${code}: ${errors}`)
  const of = (outcome: string) => verdicts.filter((verdict) => verdict.outcome === outcome)
  const failures = [...of('corrupt'), ...of('lost')].slice(0, 5)
  return {
    images: verdicts.length,
    distinct: new Set(verdicts.map(({ hash }) => hash)).size,
    lost: of('lost').length,
    corrupt: of('corrupt').length,
    failures: failures.map(({ cut, outcome, why }) => `after operation ${cut}: ${outcome}: ${why.slice(0, 300)}`),
  }
}
