#!/usr/bin/env node
import { existsSync } from 'node:fs'

/**
 * The version is checked before the program is loaded. On an older Node the database driver would
 * end the process without a message.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isSupportedNode = (major === 22 && minor >= 18) || major === 24 || major >= 26

/**
 * The folder of the code. The build bundles it, because a start that loads each file for itself
 * takes three times the CPU.
 */
const codeFolder = existsSync(new URL('./bundle/program.js', import.meta.url)) ? './bundle' : '.'

async function run(): Promise<void> {
  const command = process.argv[2]
  // First, because the program would be loaded twice.
  if (command === 'serve' || command === 'dev')
    (await import('./young-generation.ts')).restartWithLargerYoungGeneration()
  // A host runs `hook` behind each tool call, so nothing is loaded that it does not use.
  const hook: typeof import('./hook-entry.ts') | undefined =
    command === 'hook' ? await import(`${codeFolder}/hook-entry.js`) : undefined
  const given = hook?.parseHookArguments(process.argv.slice(2))
  if (hook && given) return hook.runHook(given.event, given.host)
  const { runProgram }: typeof import('./program.ts') = await import(`${codeFolder}/program.js`)
  await runProgram(process.argv)
}

if (isSupportedNode) {
  await run()
} else {
  process.stderr.write(
    `tony-mcp needs Node 22.18 or newer, 24, or 26 and newer; this is ${process.versions.node}. Install Node 24: https://nodejs.org\n`,
  )
  process.exitCode = 1
}
