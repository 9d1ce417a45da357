/**
 * Measures the CPU time of `tony-mcp hook` with nothing to show, beside a bare Node:
 * `npm run bench:hook`. The runs are interleaved, so that both have the same load of the machine.
 * This process is the host: it has a bridge to a server of its own, and starts the hooks. Exits
 * with 1 if the median of the hooks is above its limit.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { program } from '../tests/support/command.ts'
import { RestartingServer } from '../tests/support/restarting.ts'
import { runNode } from './process-cpu.ts'
import { median } from './statistics.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '21' } } })
const rounds = Array.from({ length: Number(values.rounds) }, (_, index) => index)

/** The most CPU time of a hook with nothing to show, in milliseconds. */
const limitMs = 80

const cases = {
  'bare node': ['-e', '0'],
  'hook tool': [program, 'hook', 'tool', '--host', 'claude-code'],
  'hook stop': [program, 'hook', 'stop', '--host', 'claude-code'],
} as const

/** Starts a bridge of this process and waits until its hooks can connect. */
async function startBridge(stateDir: string, env: NodeJS.ProcessEnv) {
  const bridge = spawn(process.execPath, [program, 'mcp'], { env, stdio: ['pipe', 'ignore', 'inherit'] })
  while (!readdirSync(stateDir).some((name) => name.startsWith('hook-socket-'))) await wait(50)
  return bridge
}

const stateDir = mkdtempSync(join(tmpdir(), 'tony-hook-'))
await using server = await RestartingServer.start()
const env = { ...process.env, TONY_MCP_STATE_DIR: stateDir, TONY_MCP_URL: server.url }
const bridge = await startBridge(stateDir, env)
const times = new Map<string, number[]>()
for (const _ of rounds)
  for (const [name, argv] of Object.entries(cases)) {
    const { cpuMs, stdout } = runNode(argv, env)
    if (stdout !== '') throw new Error(`${name} printed ${stdout}`)
    times.set(name, [...(times.get(name) ?? []), cpuMs])
  }
const ended = once(bridge, 'exit')
bridge.stdin.end()
await ended
rmSync(stateDir, { recursive: true, force: true })

const bareMs = median(times.get('bare node') ?? [])
for (const [name, all] of times) {
  const ms = median(all)
  console.log(`${name}: ${ms.toFixed(0)} ms of CPU, ${(ms - bareMs).toFixed(0)} above a bare Node`)
  if (ms > limitMs) process.exitCode = 1
}
