/** The load generator, in its own process: runs one workload and prints one line of results. */
import { feed, messages, tasksFused, tasksSingle, tasksTuned, type Workload, type WorkloadResult } from './workloads.ts'

const workloads: Readonly<Record<string, Workload>> = {
  'W1 messages': messages,
  'W2 tasks single': tasksSingle,
  'W2 tasks fused': tasksFused,
  'W2 tasks tuned': tasksTuned,
  'W3 feed': feed,
}

const [url = '', name = '', n = '0', durability = ''] = process.argv.slice(2)
const workload = workloads[name]
if (!workload) throw new Error(`unknown workload ${name}: use one of ${Object.keys(workloads).join(', ')}`)

/** Returns the CPU seconds of the server, from its own metrics. */
async function serverCpu(): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total ([\d.e+-]+)/m.exec(text)?.[1] ?? Number.NaN)
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function line({ n: done, seconds, latencies }: WorkloadResult, server: number, client: number) {
  const sorted = [...latencies].sort((a, b) => a - b)
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 100) / 100
  return {
    peer: 'tony',
    work: name,
    durability,
    n: done,
    per_s: Math.round(done / seconds),
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    server_us_per_op: Math.round((server / done) * 1e7) / 10,
    client_us_per_op: Math.round((client / done) * 1e7) / 10,
  }
}

const before = { server: await serverCpu(), client: cpuSeconds() }
const result = await workload(url, Number(n))
const client = cpuSeconds() - before.client
process.stdout.write(`${JSON.stringify(line(result, (await serverCpu()) - before.server, client))}\n`)
