import { type Command, Option } from 'commander'
import { addServerOptions } from '../server-options.ts'
import type { ExportOptions } from './export.ts'
import { exportFormats } from './format-names.ts'

/** Adds `tony-mcp export`. */
export function addExportCommand(tony: Command): void {
  addServerOptions(tony.command('export'))
    .addOption(new Option('--format <format>', 'the format').choices(exportFormats).default('json'))
    .option('--output <file>', 'the file; - is standard output', '-')
    .action(async (options: ExportOptions) => (await import('./export.ts')).exportCommand(options))
}
