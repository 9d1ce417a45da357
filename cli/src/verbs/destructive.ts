import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import { settingsOf } from '../contexts/settings.ts'
import { usageExitCode } from '../exit-codes.ts'
import { addCommand, onCall, printOutcome, type Verb, type VerbCall, type VerbOptions, withClient } from './verb.ts'

interface ConfirmOptions extends VerbOptions {
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly confirm?: string
}

/** What a destructive verb changes: an id and a line for each thing. */
export interface Effect {
  readonly id: string
  readonly text: string
}

/**
 * A verb whose effect cannot be undone. It runs on exactly the things that `effects` returned, and
 * only with `--yes` or with the token of a dry run that listed the same things.
 */
export interface DestructiveVerb<Options, Result extends object> extends Omit<Verb<Options, Result>, 'run'> {
  readonly effects: (call: VerbCall<Options>) => Promise<readonly Effect[]>
  readonly run: (call: VerbCall<Options>, effects: readonly Effect[]) => Promise<Result>
}

const conflictExitCode = 5

/** Returns a token that fits one command with the same effects on the same server. */
function tokenOf(name: string, { options }: VerbCall<unknown>, effects: readonly Effect[]): string {
  const { url, project } = settingsOf(options)
  const facts = JSON.stringify([name, url, project ?? null, effects.map(({ id }) => id)])
  return createHash('sha256').update(facts).digest('base64url').slice(0, 12)
}

function printDryRun({ json }: VerbOptions, effects: readonly Effect[], token: string): void {
  if (json) return void process.stdout.write(`${JSON.stringify({ dryRun: true, effects, confirm: token })}\n`)
  const lines = effects.map(({ id, text }) => `${id}  ${text}`)
  process.stdout.write(`${[...lines, `dry run: ${effects.length} would change, confirm with ${token}`].join('\n')}\n`)
}

/** Throws CommandError unless the caller has confirmed these effects. */
function requireConfirmation({ yes, confirm }: ConfirmOptions, token: string): void {
  if (yes || confirm === token) return
  if (confirm !== undefined)
    throw new CommandError(conflictExitCode, 'the dry run with this token had other effects: make another dry run')
  throw new CommandError(usageExitCode, 'this cannot be undone: a dry run lists its effects, and --help the options')
}

/** Adds a destructive verb below its noun. */
export function addDestructiveVerb<Options, Result extends object>(
  parent: Command,
  verb: DestructiveVerb<Options, Result>,
): void {
  const addOptions = (command: Command) =>
    (verb.addOptions?.(command) ?? command)
      .option('--dry-run', 'list the effects and print a token for --confirm')
      .option('--confirm <token>', 'run if the effects are those of the dry run with this token')
      .option('--yes', 'run without a dry run')
  const command = addCommand(parent, { ...verb, addOptions })
  onCall<Options & ConfirmOptions>(command, verb.usage ?? '', (values, options) =>
    withClient(options, async (client) => {
      const call = { client, values, options }
      const effects = await verb.effects(call)
      const token = tokenOf(`${parent.name()} ${verb.name}`, call, effects)
      if (options.dryRun) return printDryRun(options, effects, token)
      requireConfirmation(options, token)
      await printOutcome(verb, await verb.run(call, effects), call)
    }),
  )
}
