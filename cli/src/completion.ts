import { Argument, type Command } from 'commander'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

interface CompletionEntry {
  /** The names of the commands that lead here, such as `mcp install`; empty for the program. */
  readonly path: string
  readonly words: readonly string[]
}

/** Returns the words that can follow each command. */
function entriesOf(command: Command, path = ''): CompletionEntry[] {
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]))
  const words = [...command.commands.map((sub) => sub.name()), ...options, '--help']
  const below = command.commands.flatMap((sub) => entriesOf(sub, `${path} ${sub.name()}`.trim()))
  return [{ path, words }, ...below]
}

/**
 * Returns the function of bash. It drops words from the end until the rest names a command, so that
 * arguments do not end the completion.
 */
function bashScript(entries: readonly CompletionEntry[]): string {
  const cases = entries.map(({ path, words }) => `      "${path}") echo "${words.join(' ')}"; return;;`)
  return `_tony_mcp_words() {
  local path="$1"
  while :; do
    case "$path" in
${cases.join('\n')}
    esac
    case "$path" in *" "*) path="\${path% *}";; *) path="";; esac
  done
}
_tony_mcp() {
  local word path=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word";; esac
  done
  COMPREPLY=($(compgen -W "$(_tony_mcp_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tony_mcp tony-mcp
`
}

const zshScript = (entries: readonly CompletionEntry[]): string =>
  `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(entries)}`

function fishScript(entries: readonly CompletionEntry[]): string {
  const lines = entries.flatMap(({ path, words }) => {
    const seen = path.split(' ').filter(Boolean)
    const condition =
      seen.length === 0
        ? '__fish_use_subcommand'
        : seen.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ')
    return words.map((word) =>
      word.startsWith('--')
        ? `complete -c tony-mcp -n '${condition}' -l ${word.slice(2)}`
        : `complete -c tony-mcp -f -n '${condition}' -a ${word}`,
    )
  })
  return `${lines.join('\n')}\n`
}

const scripts: Readonly<Record<Shell, (entries: readonly CompletionEntry[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** Adds `tony-mcp completion`, which prints the script of a shell. */
export function addCompletionCommand(tony: Command): void {
  tony
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => void process.stdout.write(scripts[shell](entriesOf(tony))))
}
