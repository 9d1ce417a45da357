import type { Command } from 'commander'

/** Adds a command that runs a server. Only on use it loads the database driver. */
const addServerCommand =
  (mode: 'dev' | 'serve') =>
  (tony: Command): void => {
    tony.command(mode).action(async () => (await import('@tony/mcp-server/main')).main(mode))
  }

export const addServeCommand = addServerCommand('serve')
export const addDevCommand = addServerCommand('dev')

/** Adds `tony-mcp mcp` and the commands below it. */
export async function addMcpCommand(tony: Command): Promise<void> {
  const mcp = tony.command('mcp').action(async () => (await import('@tony/mcp-bridge/stdio')).serveHost())
  const { addHostCommands } = await import('./hosts/commands.ts')
  addHostCommands(mcp)
}
