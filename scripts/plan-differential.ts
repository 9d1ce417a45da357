/**
 * Compares the plans of public repositories: the tasks that may be taken by the rule of their
 * tracker with those that an agent can claim here after an import. Without a file in the folder the
 * script downloads it; without a network it says which file to put there. It fails if a difference
 * has no reason.
 *
 * Usage, after npm ci and npm run build: node scripts/plan-differential.ts FOLDER
 */
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareReady, type Difference } from '../tests/support/ready/compare.ts'

interface CorpusFile {
  readonly format: 'beads' | 'taskmaster'
  readonly repository: string
  readonly commit: string
  readonly path: string
  readonly date: string
  readonly sha256: string
}

const files: readonly CorpusFile[] = JSON.parse(readFileSync(new URL('plan-corpus.json', import.meta.url), 'utf8'))
const folder = process.argv[2]
if (folder === undefined) {
  process.stderr.write('usage: node scripts/plan-differential.ts FOLDER\n')
  process.exit(2)
}
mkdirSync(folder, { recursive: true })

const urlOf = ({ repository, commit, path }: CorpusFile): string =>
  `https://raw.githubusercontent.com/${repository}/${commit}/${path}`

/** Returns the path of a file of the corpus; undefined if it is neither there nor reachable. */
async function fetchCorpusFile(each: CorpusFile, into: string): Promise<string | undefined> {
  const { sha256 } = each
  const file = join(into, sha256)
  if (!existsSync(file)) {
    const response = await fetch(urlOf(each), { signal: AbortSignal.timeout(30_000) }).catch(() => undefined)
    if (!response?.ok) return undefined
    writeFileSync(file, Buffer.from(await response.arrayBuffer()))
  }
  if (hash('sha256', readFileSync(file), 'hex') !== sha256) throw new Error(`${file} has another content`)
  return file
}

function countReasons(differences: readonly Difference[]): string {
  const counts = new Map<string, number>()
  for (const { where, reason } of differences) {
    const text = `${where === 'source' ? 'not here' : 'only here'}: ${reason ?? 'NO REASON'}`
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return [...counts].map(([text, times]) => `\n    ${times} ${text}`).join('')
}

const absent: CorpusFile[] = []
let comparedCount = 0
let unexplainedCount = 0
for (const each of files) {
  const name = `${each.format} ${each.repository}@${each.commit.slice(0, 9)} (${each.date})`
  const file = await fetchCorpusFile(each, folder)
  if (file === undefined) {
    process.stdout.write(`${name}: SKIPPED, not in the folder and not reachable\n`)
    absent.push(each)
    continue
  }
  const { tasks, ready, differences } = await compareReady(each.format, file, readFileSync(file, 'utf8'))
  comparedCount += 1
  const open = differences.filter(({ reason }) => reason === undefined)
  unexplainedCount += open.length
  process.stdout.write(`${name}: ${tasks} tasks, ${ready} ready there, ${differences.length} differ\
${countReasons(differences)}\n`)
  for (const { id, where } of open.slice(0, 10)) process.stdout.write(`    NO REASON: ${id} (${where})\n`)
}
process.stdout.write(
  `${comparedCount} of ${files.length} files compared, ${unexplainedCount} differences without a reason\n`,
)
if (absent.length > 0) {
  process.stdout.write(`to compare the others, save each URL as the file beside it:\n`)
  for (const each of absent) process.stdout.write(`    ${urlOf(each)} ${join(folder, each.sha256)}\n`)
}
process.exitCode = unexplainedCount > 0 || comparedCount === 0 ? 1 : 0
