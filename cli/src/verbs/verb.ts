import type { Client } from '@tony/mcp-client'
import { type Command, InvalidArgumentError } from 'commander'
import { CommandError } from '../command-error.ts'
import { connectClient } from '../connection.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { usageExitCode } from '../exit-codes.ts'
import { addJsonOption, type JsonOption, printJson } from '../output/json.ts'
import { addServerOptions } from '../server-options.ts'

/** The options that every verb has. */
export interface VerbOptions extends ServerOptions {
  readonly json?: JsonOption
}

/** One use of a verb. */
export interface VerbCall<Options> {
  readonly client: Client
  /** The values of the arguments, in their order. */
  readonly values: readonly string[]
  readonly options: Options & VerbOptions
}

/** A command that calls the server and prints one object. */
export interface Verb<Options, Result extends object> {
  readonly name: string
  /** The arguments as in a usage: `<task>`, `[task...]`. */
  readonly usage?: string
  readonly description: string
  readonly addOptions?: (command: Command) => Command
  readonly run: (call: VerbCall<Options>) => Promise<Result>
  /** Returns the output for people. */
  readonly format: (result: Result, call: VerbCall<Options>) => string | Promise<string>
}

/** Returns a whole number of at least 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('must be a whole number of at least 1')
  return Number(text)
}

/** Adds one more word of an option that may be repeated. */
export const collect = (word: string, before: readonly string[] | undefined): string[] => [...(before ?? []), word]

/** Calls `use` with a client and closes the client. */
export async function withClient<T>(options: ServerOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const client = connectClient(options)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/**
 * Returns the arguments and the options of a command. The parser takes the ID in `show --json ID`
 * for the optional value of `--json`. Such a value becomes the argument of a command that requires
 * one and has got none.
 */
function toVerbArguments<Options>(given: readonly string[], options: Options & VerbOptions, usage: string) {
  const [only, ...others] = usage.split(' ')
  const takesWord = given.length === 0 && others.length === 0 && typeof options.json === 'string'
  if (takesWord && only?.startsWith('<') && typeof options.json === 'string')
    return { values: [options.json], options: { ...options, json: true } }
  return { values: given, options }
}

/** Adds a command below a noun, with the options of the server and of `--json`. */
export function addCommand(parent: Command, { name, usage = '', description, addOptions }: CommandSpec): Command {
  const command = parent.command(name).description(description)
  for (const argument of usage.split(' ').filter(Boolean)) {
    // Required arguments are checked later, because `--json` may have taken one.
    const optional = argument.replace('<', '[').replace('>', ']')
    command.argument(optional)
  }
  command.usage(`[options]${usage === '' ? '' : ` ${usage}`}`)
  return addJsonOption(addServerOptions(addOptions?.(command) ?? command))
}

export type CommandSpec = Pick<Verb<never, object>, 'name' | 'usage' | 'description' | 'addOptions'>

/** Throws CommandError if a required argument is missing. */
function requireArguments(usage: string, values: readonly string[]): void {
  const missing = usage.split(' ').filter((argument) => argument.startsWith('<'))[values.length]
  if (missing !== undefined) throw new CommandError(usageExitCode, `error: missing required argument ${missing}`)
}

/** Flattens the words of a variadic argument into the others. */
const toWords = (values: readonly (string | readonly string[] | undefined)[]): string[] =>
  values.flatMap((value) => value ?? [])

/** Runs `action` with the parsed arguments and options of a command. */
export function setCommandAction<Options>(
  command: Command,
  usage: string,
  action: (values: readonly string[], options: Options & VerbOptions) => Promise<void>,
): void {
  command.action(async () => {
    const { values, options } = toVerbArguments(
      toWords(command.processedArgs),
      command.opts<Options & VerbOptions>(),
      usage,
    )
    requireArguments(usage, values)
    await action(values, options)
  })
}

/** Prints the outcome of a verb as JSON or for people. */
export async function printOutcome<Options, Result extends object>(
  verb: Pick<Verb<Options, Result>, 'format'>,
  result: Result,
  call: VerbCall<Options>,
): Promise<void> {
  const { json } = call.options
  if (json !== undefined && json !== false) return printJson(result, json)
  process.stdout.write(`${await verb.format(result, call)}\n`)
}

/** Adds a verb below its noun. */
export function addVerb<Options, Result extends object>(parent: Command, verb: Verb<Options, Result>): void {
  setCommandAction<Options>(addCommand(parent, verb), verb.usage ?? '', (values, options) =>
    withClient(options, async (client) => {
      const call = { client, values, options }
      await printOutcome(verb, await verb.run(call), call)
    }),
  )
}
