import type { Command } from 'commander'
import { addServerOptions } from '../server-options.ts'
import type { RunPluginOptions } from './run.ts'

/**
 * Adds the plugin commands. Each imports its code on use, because only they load the plugin kit.
 */
export function addPluginCommands(tony: Command): void {
  const plugin = tony.command('plugin')
  plugin
    .command('new <name>')
    .description('write a plugin that runs, with its test')
    .option('--to <folder>', 'where (default: a folder of its name)')
    .action(async (name: string, options: { to?: string }) => (await import('./new.ts')).writeNewPlugin(name, options))
  addServerOptions(plugin.command('run <file>'))
    .description('host a plugin until a signal; one of Tony 2.6 or 2.7 runs as it is')
    .option('--state <folder>', 'where its installation and its state are kept', '.tony/plugins')
    .option('--uninstall', 'run its onUninstall and forget it', false)
    .action(async (file: string, options: RunPluginOptions) =>
      (await import('./run.ts')).runPluginCommand(file, options),
    )
  plugin
    .command('test [folder]')
    .description('run the tests of a plugin: no server is needed')
    .action(async (folder: string | undefined) => (await import('./test.ts')).testPlugins(folder))
}
