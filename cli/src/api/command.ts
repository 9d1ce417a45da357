import type { Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { usageExitCode } from '../exit-codes.ts'
import { procedureInputs } from '../generated/procedures.ts'
import { isRecord } from '../is-record.ts'
import { parseDuration } from '../options.ts'
import { type JsonOption, pickerOf, printJson } from '../output/json.ts'
import { formatTable } from '../output/table.ts'
import { addServerOptions } from '../server-options.ts'
import { createStreamEnd } from '../stream-end.ts'
import { withClient } from '../verbs/verb.ts'
import type { InputField, ProcedureInput } from './input.ts'
import { parseProcedureArguments } from './words.ts'

interface ApiOptions extends ServerOptions {
  readonly timeout?: number
  readonly json?: JsonOption
}

type ProcedureFunction = (
  input: unknown,
  options: { readonly signal?: AbortSignal; readonly deadlineMs?: number },
) => unknown

const isProcedureFunction = (value: unknown): value is ProcedureFunction => typeof value === 'function'

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value

/** Returns the function of a client for a procedure. */
function procedureFunctionOf(client: Client, procedure: string): ProcedureFunction {
  const found = procedure
    .split('.')
    .reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), client)
  if (!isProcedureFunction(found)) throw new CommandError(usageExitCode, `the client has no procedure ${procedure}`)
  return found
}

/** Prints the items of a subscription as lines of JSON, until an interrupt or a timeout. */
async function printStream(call: ProcedureFunction, input: unknown, { json, timeout }: ApiOptions): Promise<void> {
  const end = createStreamEnd(timeout)
  const pick = pickerOf(json)
  try {
    const items = call(input, { signal: end.signal })
    if (isIterable(items)) for await (const item of items) process.stdout.write(`${JSON.stringify(pick(item))}\n`)
  } finally {
    end.stop()
  }
  process.exitCode = end.exitCode()
}

const fieldText = ({ kind, words, nullable }: InputField): string =>
  [words ? words.slice(0, 12).join('|') : kind, ...(nullable ? ['null'] : [])].join('|')

function printFields(procedure: string, { kind, fields }: ProcedureInput): void {
  const rows = Object.entries(fields)
  const lines = formatTable<(typeof rows)[number]>(
    {
      option: ([name]) => `--${name}`,
      value: ([, field]) => fieldText(field),
      required: ([, { required }]) => (required ? 'required' : ' '),
    },
    rows,
  )
  process.stdout.write(`${procedure} (${kind})\n\n${rows.length === 0 ? 'no fields' : lines.join('\n')}\n`)
}

function listProcedures(): void {
  const rows = Object.entries(procedureInputs)
  const columns = {
    procedure: ([name]: (typeof rows)[number]) => name,
    kind: ([, { kind }]: (typeof rows)[number]) => kind,
  }
  process.stdout.write(`${formatTable(columns, rows).join('\n')}\n`)
}

/** Returns the procedures that a wrong name may mean. */
function findSimilarProcedures(procedure: string): string[] {
  const verb = procedure.split('.').at(-1)?.toLowerCase() ?? ''
  const noun = procedure.split('.')[0] ?? ''
  const names = Object.keys(procedureInputs)
  const sameVerb = names.filter((name) => name.toLowerCase().split('.').at(-1) === verb)
  return [...new Set([...sameVerb, ...names.filter((name) => name.startsWith(`${noun}.`))])].slice(0, 8)
}

async function callProcedure(procedure: string, words: readonly string[], given: ApiOptions): Promise<void> {
  const known = procedureInputs[procedure]
  if (!known) {
    const similar = findSimilarProcedures(procedure)
    const hint = similar.length === 0 ? '"tony-mcp api" lists them' : `there are ${similar.join(', ')}`
    throw new CommandError(usageExitCode, `there is no procedure ${procedure}: ${hint}`)
  }
  const { input, own, help } = parseProcedureArguments(procedure, known, words)
  if (help) return printFields(procedure, known)
  const { timeout: timeoutText, ...others } = own
  const timeout = timeoutText === undefined ? given.timeout : parseDuration(timeoutText)
  const options: ApiOptions = { ...given, ...others, ...(timeout === undefined ? {} : { timeout }) }
  await withClient(options, async (client) => {
    const call = procedureFunctionOf(client, procedure)
    if (known.kind === 'subscription') return printStream(call, input, options)
    const reply = await call(input, timeout === undefined ? {} : { deadlineMs: timeout })
    printJson(reply, options.json ?? true)
  })
}

/** Adds `tony-mcp api`. */
export function addApiCommand(tony: Command): void {
  addServerOptions(tony.command('api'))
    .usage('[options] [procedure] [json] [--field value …]')
    .argument('[words...]')
    .addOption(
      new Option('--timeout <duration>', 'the deadline of the call, or the end of a stream').argParser(parseDuration),
    )
    .addHelpText(
      'after',
      `
Without a procedure it lists them, and "api PROCEDURE --help" lists the fields of one. The input is
an object of JSON ("-" reads standard input), options such as --title text or --progress.percent 5,
or both. The reply is JSON, and a stream one line for each item; --json a,b selects fields.`,
    )
    .passThroughOptions()
    .allowUnknownOption()
    .action(([procedure, ...words]: string[], options: ApiOptions) =>
      procedure === undefined ? listProcedures() : callProcedure(procedure, words, options),
    )
}
