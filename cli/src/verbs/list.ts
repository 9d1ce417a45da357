import type { Client } from '@tony/mcp-client'
import type { Command } from 'commander'
import { AgentNames } from '../output/agent-names.ts'
import { pickerOf } from '../output/json.ts'
import { type Columns, formatTable } from '../output/table.ts'
import { addCommand, type CommandSpec, parseCount, setCommandAction, type VerbOptions, withClient } from './verb.ts'

interface ListOptions extends VerbOptions {
  readonly limit?: number
  readonly all?: boolean
}

export interface PageRequest {
  readonly limit: number
  readonly cursor: string | undefined
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly nextCursor: string | null
}

/** A command that lists rows of the server in bounded pages. */
export interface ListVerb<Row extends object, Options> extends CommandSpec {
  readonly load: (
    client: Client,
    request: PageRequest,
    options: Options,
    values: readonly string[],
  ) => Promise<Page<Row>>
  /** Returns the columns of the table. */
  readonly columns: (names: AgentNames) => Columns<Row>
  /** The agents whose names the table shows. */
  readonly agentsOf?: (row: Row) => readonly (string | null)[]
  /** The most rows of a page of the server. Default 500. */
  readonly maxPage?: number
  /** The line for an empty list. */
  readonly none: string
}

const defaultLimit = 100

/** Prints the pages of a list as they arrive. Returns true if there are more rows than printed. */
async function printPages<Row extends object, Options>(
  client: Client,
  verb: ListVerb<Row, Options>,
  options: Options & ListOptions,
  values: readonly string[],
): Promise<boolean> {
  const writer = options.json ? jsonWriter(options) : tableWriter(client, verb)
  const most = options.all ? Number.POSITIVE_INFINITY : (options.limit ?? defaultLimit)
  let printed = 0
  for (let cursor: string | undefined; ; ) {
    const limit = Math.min(most - printed, verb.maxPage ?? 500)
    const page = await verb.load(client, { limit, cursor }, options, values)
    await writer.write(page.rows)
    printed += page.rows.length
    cursor = page.nextCursor ?? undefined
    if (cursor !== undefined && printed < most) continue
    writer.end()
    return cursor !== undefined
  }
}

/** Writes one array of JSON, a page at a time. */
function jsonWriter<Row>({ json }: ListOptions) {
  const pick = pickerOf(json)
  let separator = '['
  return {
    write: async (rows: readonly Row[]) => {
      for (const row of rows) {
        process.stdout.write(`${separator}${JSON.stringify(pick(row))}`)
        separator = ',\n'
      }
    },
    end: () => void process.stdout.write(separator === '[' ? '[]\n' : ']\n'),
  }
}

function tableWriter<Row extends object, Options>(client: Client, verb: ListVerb<Row, Options>) {
  const names = new AgentNames(client)
  const columns = verb.columns(names)
  let isFirst = true
  return {
    write: async (rows: readonly Row[]) => {
      if (rows.length === 0) return
      await names.load(rows.flatMap((row) => verb.agentsOf?.(row) ?? []))
      const [titles = '', ...lines] = formatTable(columns, rows)
      process.stdout.write(`${(isFirst ? [titles, ...lines] : lines).join('\n')}\n`)
      isFirst = false
    },
    end: () => {
      if (isFirst) process.stderr.write(`${verb.none}\n`)
    },
  }
}

const addPageOptions = (command: Command): Command =>
  command
    .option('--limit <n>', `the most rows, default ${defaultLimit}`, parseCount)
    .option('--all', 'every row, page after page')

/** Adds a list below its noun, or as a command of its own. */
export function addList<Row extends object, Options>(parent: Command, verb: ListVerb<Row, Options>): void {
  const addOptions = (command: Command) => addPageOptions(verb.addOptions?.(command) ?? command)
  const command = addCommand(parent, { ...verb, addOptions })
  setCommandAction<Options & ListOptions>(command, verb.usage ?? '', (values, options) =>
    withClient(options, async (client) => {
      const hasMore = await printPages(client, verb, options, values)
      if (hasMore) process.stderr.write('there are more: use --limit or --all\n')
    }),
  )
}
