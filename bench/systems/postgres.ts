import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, programsHere } from '../../tests/support/postgres-cluster.ts'
import { BenchChild } from '../child.ts'
import type { RunningSystem } from './daemon.ts'

export const hasPostgres = (): boolean => programsHere() !== undefined

/** Starts PostgreSQL with its defaults, which wait for the disk at each commit. */
export async function startPostgres(): Promise<RunningSystem> {
  // The temporary folder of the tests may be in memory.
  const cluster = await Cluster.start(programsHere(), tmpdir())
  if (!cluster) throw new Error('there is no PostgreSQL')
  const pid = Number(readFileSync(join(cluster.data, 'postmaster.pid'), 'utf8').split('\n')[0])
  return { url: `${cluster.url}/postgres`, pids: [pid], [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() }
}

const slowNetwork = new URL('./slow-network.ts', import.meta.url)

/** Starts PostgreSQL behind a network whose round trips take `delayMs`. */
export async function startDistantPostgres(delayMs: number): Promise<RunningSystem> {
  const postgres = await startPostgres()
  if (delayMs === 0) return postgres
  const proxy = new BenchChild(slowNetwork, [postgres.url, String(delayMs)])
  const { url } = await proxy.run<{ readonly url: string }>({})
  return {
    url,
    pids: postgres.pids,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}
