import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { HostPaths } from './hosts.ts'

/** Where VS Code keeps the profile of this user. */
function vscodeFolder(home: string, env: NodeJS.ProcessEnv): string {
  const { APPDATA, XDG_CONFIG_HOME } = env
  if (process.platform === 'win32') return join(APPDATA ?? join(home, 'AppData', 'Roaming'), 'Code', 'User')
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'Code', 'User')
  return join(XDG_CONFIG_HOME ?? join(home, '.config'), 'Code', 'User')
}

export function findHostPaths(): HostPaths {
  const home = homedir()
  const { CODEX_HOME } = process.env
  return { home, codex: CODEX_HOME ?? join(home, '.codex'), vscode: vscodeFolder(home, process.env) }
}

/** How this very program is started, by hosts too that do not know the paths of a shell. */
export function currentProgram(): [string, ...string[]] {
  const [, script] = process.argv
  return script === undefined ? ['tony-mcp'] : [process.execPath, realpathSync(resolve(script))]
}
