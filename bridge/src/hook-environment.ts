import { homedir } from 'node:os'
import { join } from 'node:path'

/** Returns the folder for the slots and the hook sockets of this user's host sessions. */
export const stateDirOf = ({
  TONY_MCP_STATE_DIR,
  XDG_STATE_HOME,
}: Readonly<Record<string, string | undefined>>): string =>
  TONY_MCP_STATE_DIR || join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tony-mcp')

/**
 * Returns the part of the environment that a hook needs: the folder, and the host's id of its
 * session. It loads no library for that.
 */
export const readHookEnvironment = () => ({
  stateDir: stateDirOf(process.env),
  hostSessionId: process.env['TONY_MCP_SESSION'] || undefined,
})
