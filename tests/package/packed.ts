import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const compiler = join(root, 'node_modules/typescript/bin/tsc')

/** Compiler options of a strict program for Node that does not skip the types of its libraries. */
export const compilerOptions = {
  strict: true,
  skipLibCheck: false,
  module: 'nodenext',
  target: 'es2024',
  types: ['node'],
  outDir: 'out',
  typeRoots: [join(root, 'node_modules/@types')],
}

/** Runs a command in a folder and returns its output. Throws if it fails. */
export const runIn = (folder: string, command: string, argv: readonly string[]): string =>
  execFileSync(command, argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Compiles a project of a folder and returns the compiler's output, which is empty on success. */
export const compileIn = (folder: string, project = '.'): string =>
  runIn(folder, process.execPath, [compiler, '-p', project])

/** Packs the client into a folder and installs it there, as the only dependency of a program. */
export function installPackedClient(folder: string): void {
  const pack = ['pack', '--silent', '--pack-destination', folder]
  const tarball = runIn(join(root, 'client'), 'npm', pack).trim()
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'plugin', private: true, type: 'module' }))
  runIn(folder, 'npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball)])
}

/** Writes the programs of a folder and the project that compiles them. */
export function writePrograms(folder: string, programs: Readonly<Record<string, string>>): void {
  const files = Object.keys(programs)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  for (const file of files) writeFileSync(join(folder, file), programs[file] ?? '')
}
