import { homedir } from 'node:os'
import { join } from 'node:path'
import { variable } from '../environment.ts'

/** Returns the folder of this program's settings, where this platform keeps those of a user. */
export function configFolder(): string {
  const home = homedir()
  if (process.platform === 'win32') return join(variable('APPDATA') ?? join(home, 'AppData', 'Roaming'), 'tony-mcp')
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'tony-mcp')
  return join(variable('XDG_CONFIG_HOME') ?? join(home, '.config'), 'tony-mcp')
}
