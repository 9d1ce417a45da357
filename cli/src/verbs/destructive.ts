import type { Command } from 'commander'
import { settingsOf } from '../contexts/settings.ts'
import { addConfirmOptions, type ConfirmOptions, confirmEffects, type DestructiveEffect } from './confirmation.ts'
import { addCommand, printOutcome, setCommandAction, type Verb, type VerbCall, withClient } from './verb.ts'

/**
 * A verb whose effect cannot be undone. `effects` lists the affected objects, and `run` changes
 * exactly these. The verb runs only with `--yes`, or with the token of a dry run that listed the
 * same effects.
 */
export interface DestructiveVerb<Options, Result extends object> extends Omit<Verb<Options, Result>, 'run'> {
  readonly effects: (call: VerbCall<Options>) => Promise<readonly DestructiveEffect[]>
  readonly run: (call: VerbCall<Options>, effects: readonly DestructiveEffect[]) => Promise<Result>
}

/** Adds a destructive verb below its noun. */
export function addDestructiveVerb<Options, Result extends object>(
  parent: Command,
  verb: DestructiveVerb<Options, Result>,
): void {
  const addOptions = (command: Command) => addConfirmOptions(verb.addOptions?.(command) ?? command)
  const command = addCommand(parent, { ...verb, addOptions })
  setCommandAction<Options & ConfirmOptions>(command, verb.usage ?? '', (values, options) =>
    withClient(options, async (client) => {
      const call = { client, values, options }
      const effects = await verb.effects(call)
      const { url, project } = settingsOf(options)
      const facts = [`${parent.name()} ${verb.name}`, url, project ?? null]
      if (confirmEffects(facts, options, effects)) await printOutcome(verb, await verb.run(call, effects), call)
    }),
  )
}
