import type { Command } from 'commander'
import { settingsOf } from '../contexts/settings.ts'
import { addConfirmOptions, type ConfirmOptions, type Effect, isConfirmed } from './confirmation.ts'
import { addCommand, onCall, printOutcome, type Verb, type VerbCall, withClient } from './verb.ts'

/**
 * A verb whose effect cannot be undone. It runs on exactly the things that `effects` returned, and
 * only with `--yes` or with the token of a dry run that listed the same things.
 */
export interface DestructiveVerb<Options, Result extends object> extends Omit<Verb<Options, Result>, 'run'> {
  readonly effects: (call: VerbCall<Options>) => Promise<readonly Effect[]>
  readonly run: (call: VerbCall<Options>, effects: readonly Effect[]) => Promise<Result>
}

/** Adds a destructive verb below its noun. */
export function addDestructiveVerb<Options, Result extends object>(
  parent: Command,
  verb: DestructiveVerb<Options, Result>,
): void {
  const addOptions = (command: Command) => addConfirmOptions(verb.addOptions?.(command) ?? command)
  const command = addCommand(parent, { ...verb, addOptions })
  onCall<Options & ConfirmOptions>(command, verb.usage ?? '', (values, options) =>
    withClient(options, async (client) => {
      const call = { client, values, options }
      const effects = await verb.effects(call)
      const { url, project } = settingsOf(options)
      const facts = [`${parent.name()} ${verb.name}`, url, project ?? null]
      if (isConfirmed(facts, options, effects)) await printOutcome(verb, await verb.run(call, effects), call)
    }),
  )
}
