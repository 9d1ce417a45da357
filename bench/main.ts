/**
 * Measures the server alone: W1 messages, W2 tasks and W3 feed, with the load in its own process.
 * The results are whole runs on this machine, and the CPU time per operation includes the set-up
 * (registration, creation). Compare runs, not machines.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort, ServerProcess } from '../demo/server-process.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    scale: { type: 'string', default: '1' },
    work: { type: 'string', default: '' },
    durability: { type: 'string', default: 'disk' },
    runs: { type: 'string', default: '1' },
  },
})

const workloads: readonly [string, number][] = [
  ['W1 messages', 20_000],
  ['W2 tasks single', 20_000],
  ['W2 tasks fused', 20_000],
  ['W2 tasks tuned', 20_000],
  ['W3 feed', 250_000],
]

const generator = fileURLToPath(new URL('./generator.ts', import.meta.url))

async function run(name: string, n: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-bench-'))
  process.env['MCP_DURABILITY'] = values.durability
  const server = new ServerProcess(folder, await freePort())
  try {
    await server.start()
    return execFileSync(process.execPath, [generator, server.url, name, String(n), values.durability], {
      encoding: 'utf8',
    }).trim()
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const columns = [
  'work',
  'durability',
  'n',
  'per_s',
  'p50_ms',
  'p99_ms',
  'server_us_per_op',
  'client_us_per_op',
] as const
if (!values.json) process.stdout.write(`${columns.map((column) => column.padEnd(17)).join('')}\n`)
for (const [name, n] of workloads.filter(([workload]) => workload.includes(values.work))) {
  for (let index = 0; index < Number(values.runs); index += 1) {
    const text = await run(name, Math.round(n * Number(values.scale)))
    const row: Record<string, unknown> = JSON.parse(text)
    process.stdout.write(
      values.json ? `${text}\n` : `${columns.map((column) => String(row[column]).padEnd(17)).join('')}\n`,
    )
  }
}
