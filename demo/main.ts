import { rmSync } from 'node:fs'
import { parseOptions } from './options.ts'
import { Progress } from './progress.ts'
import { runDemo } from './run.ts'
import { brokenPromises, formatOutcome, missingFacts } from './verdict.ts'

try {
  const options = parseOptions(process.argv.slice(2))
  const outcome = await runDemo(options, new Progress(options.json))
  const { violations } = outcome.report
  const missing = missingFacts(outcome)
  const broken = brokenPromises(outcome)
  if (options.json) {
    const { tally, ...rest } = outcome
    process.stdout.write(`${JSON.stringify({ ...rest, events: tally.lastSeq, missing, broken })}\n`)
  } else {
    process.stdout.write(`\n${formatOutcome(outcome)}\n`)
    for (const { rule, message } of violations.slice(0, 20)) process.stdout.write(`violation     ${rule}: ${message}\n`)
    for (const fact of missing)
      process.stdout.write(`missing       this never happened, so the run proves nothing: ${fact}\n`)
    for (const promise of broken) process.stdout.write(`broken        ${promise}\n`)
  }
  const failed = violations.length + missing.length + broken.length > 0
  if (failed || options.keep) process.stdout.write(`kept          ${outcome.folder}\n`)
  else rmSync(outcome.folder, { recursive: true, force: true })
  process.stdout.write(options.json ? '' : `${failed ? 'FAILED' : 'ok'}\n`)
  process.exitCode = failed ? 1 : 0
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
