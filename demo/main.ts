import { rmSync } from 'node:fs'
import { parseOptions } from './options.ts'
import { Progress } from './progress.ts'
import { runDemo } from './run.ts'
import { broken, missing, table } from './verdict.ts'

try {
  const options = parseOptions(process.argv.slice(2))
  const outcome = await runDemo(options, new Progress(options.json))
  const { violations } = outcome.report
  const absent = missing(outcome)
  const promises = broken(outcome)
  if (options.json) {
    const { tally, ...rest } = outcome
    process.stdout.write(`${JSON.stringify({ ...rest, events: tally.last, missing: absent, broken: promises })}\n`)
  } else {
    process.stdout.write(`\n${table(outcome)}\n`)
    for (const { rule, message } of violations.slice(0, 20)) process.stdout.write(`violation     ${rule}: ${message}\n`)
    for (const what of absent) process.stdout.write(`missing       never once ${what}: this run shows nothing\n`)
    for (const what of promises) process.stdout.write(`broken        ${what}\n`)
  }
  const failed = violations.length + absent.length + promises.length > 0
  if (failed || options.keep) process.stdout.write(`kept          ${outcome.folder}\n`)
  else rmSync(outcome.folder, { recursive: true, force: true })
  process.stdout.write(options.json ? '' : `${failed ? 'FAILED' : 'ok'}\n`)
  process.exitCode = failed ? 1 : 0
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
