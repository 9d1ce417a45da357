import type { Command } from 'commander'

/** Adds `tony-mcp serve`. Only on use it loads the database driver. */
export function addServeCommand(tony: Command): void {
  tony.command('serve').action(async () => (await import('@tony/mcp-server/main')).main('serve'))
}

/** Adds `tony-mcp dev`. */
export function addDevCommand(tony: Command): void {
  tony.command('dev').action(async () => (await import('./dev.ts')).devCommand())
}

/** Adds `tony-mcp mcp` and the commands below it. */
export async function addMcpCommand(tony: Command): Promise<void> {
  const mcp = tony
    .command('mcp')
    .option('--wake <command>', 'a command that wakes this session while it is idle, run by the shell')
    .action(async ({ wake }: { readonly wake?: string }) => (await import('@tony/mcp-bridge/stdio')).serveHost(wake))
  const { addHostCommands } = await import('./hosts/commands.ts')
  addHostCommands(mcp)
}
