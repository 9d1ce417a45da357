import { type Command, InvalidArgumentError } from 'commander'
import { parseCount } from '../verbs/verb.ts'
import type { DemoOptions } from './run.ts'

/** Returns a whole number from 1 to 200. */
function parseSize(text: string): number {
  const count = parseCount(text)
  if (count > 200) throw new InvalidArgumentError('must be at most 200')
  return count
}

/** Adds `tony-mcp demo`. */
export function addDemoCommand(tony: Command): void {
  tony
    .command('demo')
    .option('--agents <n>', 'the number of agents', parseSize, 6)
    .option('--features <n>', 'the number of features, of four tasks each', parseSize, 8)
    .option('--json', 'print the outcome as JSON', false)
    .option('--keep', 'keep the database of the run and print its path', false)
    .action(async (options: DemoOptions) => (await import('./run.ts')).runDemo(options))
}
