import { readContexts, requireContext, type SavedContext } from './contexts.ts'

export const defaultUrl = 'http://127.0.0.1:3456'

/** The address of a server and the caller's identity, as options or their variables give them. */
export interface ServerOptions {
  readonly url?: string
  readonly project?: string
  readonly tokenFile?: string
  readonly context?: string
}

/** The settings of a command that calls a server, with the context that some come from. */
export interface Settings {
  readonly url: string
  readonly project: string | undefined
  /** The file of `--token-file` or its variable. */
  readonly tokenFile: string | undefined
  /** The context's own file, which TONY_TOKEN goes before. */
  readonly contextTokenFile: string | undefined
  readonly context: { readonly name: string; readonly values: SavedContext } | undefined
}

const emptyToUndefined = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

function chooseContext(name: string | undefined): Settings['context'] {
  const contexts = readContexts()
  const chosen = name ?? contexts.current
  return chosen === undefined ? undefined : { name: chosen, values: requireContext(contexts, chosen) }
}

/**
 * Returns the settings: an option or its variable, else the context, else the default. Throws
 * CommandError for an unknown context.
 */
export function settingsOf(options: ServerOptions): Settings {
  const context = chooseContext(emptyToUndefined(options.context))
  const url = emptyToUndefined(options.url) ?? context?.values.url ?? defaultUrl
  // The credential and the project of a context belong to its server alone.
  const own = context?.values.url === url ? context.values : undefined
  return {
    url,
    project: emptyToUndefined(options.project) ?? own?.project,
    tokenFile: emptyToUndefined(options.tokenFile),
    contextTokenFile: own?.tokenFile,
    context,
  }
}
