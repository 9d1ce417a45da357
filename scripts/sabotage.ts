import { faults } from '../tests/model/sabotage/faults.ts'
import { judged, plantInFile } from '../tests/model/sabotage/judged.ts'

/** Number of runs, as in the tests themselves: a fault that needs more would escape the tests. */
const runs = 600

/**
 * Runs the model tests on each fault in its own server. The argument selects the faults of a suite
 * or the ones with a word in their name.
 */
async function main(): Promise<void> {
  const [filter = ''] = process.argv.slice(2)
  for (const fault of faults) plantInFile(fault)
  const selected = faults.filter(({ name, suite }) => name.includes(filter) || suite === filter)
  let caught = 0
  process.stdout.write('| outcome | suite | fault | time | noticed |\n| --- | --- | --- | --- | --- |\n')
  for (const fault of selected) {
    const start = performance.now()
    const { outcome, output } = await judged(fault, runs)
    if (outcome === 'caught') caught += 1
    const seconds = ((performance.now() - start) / 1_000).toFixed(1)
    process.stdout.write(`| ${outcome} | ${fault.suite} | ${fault.name} | ${seconds} s | ${output} |\n`)
  }
  process.stdout.write(`${caught} of ${selected.length} faults were noticed\n`)
  if (caught < selected.length) process.exitCode = 1
}

await main()
