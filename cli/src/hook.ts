import { type HookEvent, type HookHost, hookEvents, hookHosts } from '@tony/mcp-bridge/hooks/hook-output'
import { Argument, type Command, Option } from 'commander'

/** `tony-mcp hook EVENT`: always exits with 0, so that no error here stops the host. */
export function addHookCommand(tony: Command): void {
  tony
    .command('hook')
    .addArgument(new Argument('<event>', 'the point of the session').choices(hookEvents))
    .addOption(
      new Option('--host <name>', 'output format: the name of the host').choices(hookHosts).default('claude-code'),
    )
    .action(async (event: HookEvent, { host }: { host: HookHost }) => {
      const { runHook } = await import('@tony/mcp-bridge/hooks/hook')
      await runHook(event, host)
    })
}
