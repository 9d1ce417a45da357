import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import type { JsonOption } from '../output/json.ts'

export interface ConfirmOptions {
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly confirm?: string
  readonly json?: JsonOption
}

/** What a destructive command changes: an id and a line for each thing. */
export interface DestructiveEffect {
  readonly id: string
  readonly text: string
}

const conflictExitCode = 5

/** Adds the options of a command whose effect cannot be undone. */
export const addConfirmOptions = (command: Command): Command =>
  command
    .option('--dry-run', 'list the effects and print a token for --confirm')
    .option('--confirm <token>', 'run if the effects are those of the dry run with this token')
    .option('--yes', 'run without a dry run')

function printDryRun({ json }: ConfirmOptions, effects: readonly DestructiveEffect[], token: string): void {
  if (json) return void process.stdout.write(`${JSON.stringify({ dryRun: true, effects, confirm: token })}\n`)
  const lines = effects.map(({ id, text }) => `${id}  ${text}`)
  process.stdout.write(`${[...lines, `dry run: ${effects.length} would change, confirm with ${token}`].join('\n')}\n`)
}

/**
 * Returns true if the caller has confirmed exactly these effects: with `--yes`, or with the token
 * that a dry run printed for the same effects. With `--dry-run` it prints the effects and their
 * token, and returns false. Throws CommandError without a valid confirmation. `facts` are the
 * command and the server or the database that it changes; the token is valid for them alone.
 */
export function confirmEffects(
  facts: readonly unknown[],
  options: ConfirmOptions,
  effects: readonly DestructiveEffect[],
): boolean {
  const { yes, dryRun, confirm } = options
  const text = JSON.stringify([...facts, effects.map(({ id, text: effect }) => [id, effect])])
  const token = createHash('sha256').update(text).digest('base64url').slice(0, 12)
  if (dryRun) {
    printDryRun(options, effects, token)
    return false
  }
  if (yes || confirm === token) return true
  if (confirm !== undefined)
    throw new CommandError(conflictExitCode, 'the dry run with this token had other effects: make another dry run')
  throw new CommandError(usageExitCode, 'this cannot be undone: a dry run lists its effects, and --help the options')
}
