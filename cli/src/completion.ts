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
 * Returns the source of a shell function, for bash and zsh, that prints the words that can follow a
 * command line. It drops words from the end until the rest is a known command, so that completion
 * still works after arguments. The function has no variable `path`, because zsh ties that name to
 * PATH.
 */
function wordsFunction(entries: readonly CompletionEntry[]): string {
  const cases = entries.map(({ path, words }) => `      "${path}") echo "${words.join(' ')}"; return;;`)
  return `_tony_mcp_words() {
  local seen="$1"
  while :; do
    case "$seen" in
${cases.join('\n')}
    esac
    case "$seen" in *" "*) seen="\${seen% *}";; *) seen="";; esac
  done
}
`
}

const bashScript = (entries: readonly CompletionEntry[]): string => `${wordsFunction(entries)}_tony_mcp() {
  local word seen=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) seen="\${seen:+$seen }$word";; esac
  done
  COMPREPLY=($(compgen -W "$(_tony_mcp_words "$seen")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tony_mcp tony-mcp
`

/** Zsh has its own completion: its layer for scripts of bash cannot read the slice above. */
const zshScript = (entries: readonly CompletionEntry[]): string => `#compdef tony-mcp
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
${wordsFunction(entries)}_tony_mcp() {
  local word seen=""
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in -*) ;; *) seen="\${seen:+$seen }$word";; esac
  done
  compadd -- \${=$(_tony_mcp_words "$seen")} || _files
}
compdef _tony_mcp tony-mcp
`

/**
 * Returns the source of the completion for fish. It finds the words as the function for bash does.
 * File names are offered too, because the arguments of most commands are files or ids, but not for
 * the first word, which is a command.
 */
function fishScript(entries: readonly CompletionEntry[]): string {
  const cases = entries.map(
    ({ path, words }) => `      case '${path}'\n        printf '%s\\n' ${words.join(' ')}\n        return`,
  )
  return `function __tony_mcp_words
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; or set -a path $word
  end
  while true
    switch "$path"
${cases.join('\n')}
    end
    set -e path[-1]
  end
end
complete -c tony-mcp -e
complete -c tony-mcp -n 'test (count (commandline -opc)) -eq 1' -f
complete -c tony-mcp -a '(__tony_mcp_words)'
`
}

const scriptBuilders: Readonly<Record<Shell, (entries: readonly CompletionEntry[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** Adds `tony-mcp completion`, which prints the script of a shell. */
export function addCompletionCommand(tony: Command): void {
  tony
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => void process.stdout.write(scriptBuilders[shell](entriesOf(tony))))
}
