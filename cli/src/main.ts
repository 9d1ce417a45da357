#!/usr/bin/env node
/**
 * The version is checked before any other import. On an older Node the database driver would end
 * the process without a message.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const supported = (major === 22 && minor >= 18) || major === 24 || major >= 26

if (supported) {
  // A host runs `hook` behind each tool call, so nothing is loaded that it does not use.
  const hook = process.argv[2] === 'hook' ? await import('./hook-entry.ts') : undefined
  const given = hook?.parseHookArguments(process.argv.slice(2))
  if (hook && given) await hook.runHook(given.event, given.host)
  else await (await import('./program.ts')).runProgram(process.argv)
} else {
  process.stderr.write(
    `tony-mcp needs Node 22.18 or newer, 24, or 26 and newer; this is ${process.versions.node}. Install Node 24: https://nodejs.org\n`,
  )
  process.exitCode = 1
}

export {}
