import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../package/packed.ts'
import { command } from '../support/command.ts'

const { folder, tony, remove } = command()
afterAll(remove)

/** A typed line, and the word that completes it. */
const typed: Readonly<Record<string, string>> = {
  'tony-mcp im': 'import',
  'tony-mcp mcp inst': 'install',
  'tony-mcp tasks t': 'tree',
  'tony-mcp tasks ls --sta': '--status',
  'tony-mcp import plan.jsonl --dry': '--dry-run',
  'tony-mcp context u': 'use',
}
const lines = Object.keys(typed)

const debian = join(folder, 'debian')
const home = join(folder, 'home')
let missing: string | undefined

/** Unpacks two shells of Debian, which a machine rarely has. */
beforeAll(async () => {
  const argv = [debian, 'zsh', 'zsh-common', 'fish']
  missing = await promisify(execFile)(join(root, 'scripts/unpack-debian'), argv).then(
    () => undefined,
    (error: unknown) => `the shells cannot be had here: ${String(error)}`,
  )
  mkdirSync(home)
  // Fish finds its functions beside its program only if its settings are there too.
  if (existsSync(join(debian, 'usr/bin/fish'))) symlinkSync('../etc', join(debian, 'usr/etc'))
}, 300_000)

/** Returns the unpacked program of a shell, or that of this machine. */
const shellOf = (name: string): string =>
  ['bin', 'usr/bin'].map((at) => join(debian, at, name)).find((path) => existsSync(path)) ?? name

/** Writes the script of a shell to a file and returns its path. */
async function scriptOf(shell: string): Promise<string> {
  const { stdout } = await tony('completion', shell)
  const file = join(folder, `completion.${shell}`)
  writeFileSync(file, stdout)
  return file
}

/** Runs a program with a home of its own and returns the lines of its output. */
async function run(program: string, ...argv: string[]): Promise<string[]> {
  const libraries = globSync(join(debian, 'usr/lib/*-linux-*')).join(':')
  const own = { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home, ZDOTDIR: home, TERM: 'dumb' }
  const env = { ...process.env, ...own, LD_LIBRARY_PATH: libraries }
  const { stdout } = await promisify(execFile)(program, argv, { env, cwd: home })
  return stdout.trimEnd().split('\n')
}

test('bash completes commands, their commands and their options', async () => {
  const script = await scriptOf('bash')
  const code = lines.map((line) => {
    const words = line.split(' ')
    return `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _tony_mcp; echo "\${COMPREPLY[*]}"`
  })
  expect(await run('bash', '-c', [`source '${script}'`, ...code].join('\n'))).toEqual(Object.values(typed))
})

test('fish does', async ({ skip }) => {
  skip(missing !== undefined, missing)
  const script = await scriptOf('fish')
  const code = lines.map((line) => `complete -C '${line}'`)
  const offered = await run(shellOf('fish'), '--no-config', '-c', [`source '${script}'`, ...code].join('\n'))
  expect(offered.map((row) => row.split('\t')[0])).toEqual(Object.values(typed))
})

/** Types lines and tabs into a zsh in a terminal, and prints each line as it then is. */
const typist = (zsh: string): string => `module_path=(${debian}/usr/lib/*/zsh/*(/N) $module_path)
zmodload zsh/zpty || exit 3
zpty shell "${zsh} -i"
zpty -r shell out '*READY>*'
for line in "$@"; do
  zpty -w -n shell "$line"$'\\t'$'\\x18'
  zpty -r shell out '*LINE<*>*'
  print -r -- "\${\${out##*LINE<}%%>*}"
done
zpty -d shell
`

/** The settings of that zsh: control-X prints the line. */
const zshSettings = (script: string): string => `PS1='READY>'
autoload -Uz compinit && compinit -u -D
source '${script}'
report() { print -r -- "LINE<$BUFFER>"; BUFFER=; zle redisplay }
zle -N report
bindkey '^X' report
`

test('zsh does', async ({ skip }) => {
  skip(missing !== undefined, missing)
  const zsh = shellOf('zsh')
  const paths = `module_path=(${debian}/usr/lib/*/zsh/*(/N) $module_path)
fpath=(${debian}/usr/share/zsh/functions/**/*(/N) $fpath)
`
  writeFileSync(join(home, '.zshenv'), paths)
  writeFileSync(join(home, '.zshrc'), zshSettings(await scriptOf('zsh')))
  const program = join(folder, 'typist.zsh')
  writeFileSync(program, typist(zsh))
  const ended = await run(zsh, '-f', program, ...lines)
  const expected = lines.map((line) => line.replace(/\S+$/, typed[line] ?? ''))
  expect(ended.map((line) => line.trim())).toEqual(expected)
})
