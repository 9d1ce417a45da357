import { type Command, Option } from 'commander'
import type { ImportOptions } from './import.ts'
import { trackerEffects } from './plan/effects.ts'
import { addServerOptions } from './server-options.ts'

/** Adds `tony-mcp import`. */
export function addImportCommand(tony: Command): void {
  addServerOptions(tony.command('import <file>'))
    .addOption(
      new Option('--format <format>', 'the format of the file; default: its content decides').choices(
        Object.keys(trackerEffects),
      ),
    )
    .addOption(
      new Option('--labels <use>', 'the use of GitHub labels without another effect')
        .choices(['capabilities', 'ignored'])
        .default('capabilities'),
    )
    .option('--replay', 'set finished work back to pending; skip tombstones and what is not work', false)
    .option('--strict', 'refuse edges to ids that the file does not hold', false)
    .option('--skip-bad', 'leave out records with problems', false)
    .option('--watch', 'import the file again after each change, until SIGINT', false)
    .option('--dry-run', 'read and check the plan, change nothing', false)
    .option('--json', 'print the outcome as JSON', false)
    .action(async (file: string, options: ImportOptions) => (await import('./import.ts')).importCommand(file, options))
}
