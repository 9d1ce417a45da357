import { realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { variable } from '../environment.ts'
import type { HostPaths } from './hosts.ts'

/** Returns the folder of this user's profile in VS Code. */
function vscodeFolder(home: string): string {
  const [APPDATA, XDG_CONFIG_HOME] = [variable('APPDATA'), variable('XDG_CONFIG_HOME')]
  if (process.platform === 'win32') return join(APPDATA ?? join(home, 'AppData', 'Roaming'), 'Code', 'User')
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'Code', 'User')
  return join(XDG_CONFIG_HOME ?? join(home, '.config'), 'Code', 'User')
}

export function findHostPaths(): HostPaths {
  const home = homedir()
  const claude = variable('CLAUDE_CONFIG_DIR')
  return {
    home,
    claude: claude ?? join(home, '.claude'),
    claudeState: join(claude ?? home, '.claude.json'),
    codex: variable('CODEX_HOME') ?? join(home, '.codex'),
    vscode: vscodeFolder(home),
  }
}

/**
 * Returns the command that starts this program, with absolute paths, because a host may lack the
 * PATH of a shell.
 */
export function currentProgramCommand(): [string, ...string[]] {
  const [, script] = process.argv
  return script === undefined ? ['tony-mcp'] : [process.execPath, realpathSync(resolve(script))]
}
