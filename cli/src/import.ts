import { connectClient } from './connection.ts'
import type { ServerOptions } from './contexts/settings.ts'
import { createProgressDisplay } from './import-progress.ts'
import { watchFile } from './import-watch.ts'
import { PlanError } from './plan/plan.ts'
import { type PublishResult, publishPlan } from './plan/publish.ts'
import { type ReadOptions, readPlan } from './plan/read.ts'

export interface ImportOptions extends ServerOptions, ReadOptions {
  readonly dryRun: boolean
  readonly json: boolean
  readonly watch: boolean
}

/** The number of kept tasks that an import prints. The rest is counted. */
const maxShownKept = 20

function keptLines({ total, tasks }: PublishResult['kept']): string[] {
  if (total === 0) return []
  const shown = tasks.slice(0, maxShownKept)
  const left = total - shown.length
  return [
    `kept ${total}, whose status here differs from the file:`,
    ...shown.map(({ externalId, status, planned }) => `  ${externalId} is ${status} here and ${planned} in the file`),
    ...(left > 0 ? [`  and ${left} more`] : []),
  ]
}

/** The number of warnings that an import prints. The rest is counted; `--json` has all. */
const maxShownWarnings = 20

function warningLines(warnings: readonly string[]): string[] {
  const left = warnings.length - maxShownWarnings
  return [
    ...warnings.slice(0, maxShownWarnings).map((warning) => `warning: ${warning}`),
    ...(left > 0 ? [`and ${left} more warnings`] : []),
  ]
}

function absentLines({ absentAgents = {} }: PublishResult, liftHolds: boolean): string[] {
  const effect = liftHolds ? 'its tasks have no assignee' : 'its open tasks are held'
  return Object.entries(absentAgents).map(
    ([agent, count]) => `warning: the agent ${agent} is not registered: ${effect} (${count} tasks)`,
  )
}

/** Reads the whole plan first, so that an unreadable plan changes nothing. */
async function importPlan(file: string, options: ImportOptions): Promise<void> {
  const plan = await readPlan(file, options)
  const { format, name, tasks, report, liftHolds } = plan
  const print = (line: string) => {
    if (!options.json) process.stdout.write(`${line}\n`)
  }
  const printJson = (outcome: object) => {
    if (options.json) process.stdout.write(`${JSON.stringify({ format, name, ...outcome, report })}\n`)
  }
  for (const line of warningLines(report.warnings)) process.stderr.write(`${line}\n`)
  const counted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([word, count]) => `${word} ${count}`)
      .join(', ')
  print(`${file}: ${format}, ${report.records} records (${counted(report.kinds)})`)
  print(`${tasks.length} tasks, ${report.edges.blocks} dependencies in ${report.levels} levels`)
  if (Object.keys(report.requires).length > 0) print(`capabilities that tasks require: ${counted(report.requires)}`)
  if (options.dryRun || tasks.length === 0) {
    printJson({ tasks: tasks.length })
    return print(tasks.length === 0 ? 'nothing to import' : 'dry run: nothing was changed')
  }
  const client = connectClient(options)
  const progress = createProgressDisplay(process.stderr, !options.json)
  try {
    const published = await publishPlan(client, plan, (staged) => progress.show(staged, tasks.length))
    progress.end()
    print(`created ${published.created}, updated ${published.updated}, unchanged ${published.unchanged}`)
    for (const line of keptLines(published.kept)) print(line)
    for (const line of absentLines(published, liftHolds)) process.stderr.write(`${line}\n`)
    printJson(published)
  } finally {
    progress.end()
    client.close()
  }
}

/** Imports a plan once, or with `--watch` after each change of its file. */
export async function importCommand(file: string, options: ImportOptions): Promise<void> {
  if (!options.watch) return importPlan(file, options)
  if (file === '-') throw new PlanError('standard input', 'cannot be watched: name a file')
  return watchFile(file, () => importPlan(file, options))
}
