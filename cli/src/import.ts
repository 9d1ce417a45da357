import { connect } from './connection.ts'
import type { ServerOptions } from './contexts/settings.ts'
import { publishPlan } from './plan/publish.ts'
import { readPlan } from './plan/read.ts'

export interface ImportOptions extends ServerOptions {
  readonly replay: boolean
  readonly dryRun: boolean
  readonly json: boolean
  readonly strict: boolean
  readonly skipBad: boolean
}

/** `tony-mcp import`: reads the whole plan first, so that an unreadable plan changes nothing. */
export async function importCommand(file: string, options: ImportOptions): Promise<void> {
  const { format, name, tasks, report } = await readPlan(file, options)
  const print = (line: string) => {
    if (!options.json) process.stdout.write(`${line}\n`)
  }
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`)
  const kinds = Object.entries(report.kinds).map(([kind, count]) => `${kind} ${count}`)
  print(`${file}: ${format}, ${report.records} records (${kinds.join(', ')})`)
  print(`${tasks.length} tasks, ${report.edges.blocks} dependencies in ${report.levels} levels`)
  if (options.dryRun || tasks.length === 0) {
    if (options.json) process.stdout.write(`${JSON.stringify({ format, name, tasks: tasks.length, report })}\n`)
    return print(tasks.length === 0 ? 'nothing to import' : 'dry run: nothing was changed')
  }
  const client = connect(options)
  try {
    const published = await publishPlan(client, { name, tasks }, (staged) => {
      if (process.stderr.isTTY) process.stderr.write(`\rstaged ${staged} of ${tasks.length}`)
    })
    if (process.stderr.isTTY) process.stderr.write('\n')
    print(`created ${published.created}, updated ${published.updated}, unchanged ${published.unchanged}`)
    if (options.json) process.stdout.write(`${JSON.stringify({ format, name, ...published, report })}\n`)
  } finally {
    client.close()
  }
}
