import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TonyError } from '@tony/mcp-client'
import type { Fault } from '../../model/sabotage/fault.ts'
import { type ProcessEnd, RecordedServer } from './recorded-server.ts'
import { frequentCheckpoints } from './settings.ts'
import { type Operation, readTrace } from './trace.ts'
import { runWorkload } from './workload.ts'

export interface RecordingOptions {
  readonly folder: string
  readonly tasks: number
  readonly seed: number
  readonly faults?: readonly Fault[]
  /** Variables of the recorder for the first process. */
  readonly first?: Readonly<Record<string, string>>
  /** Stops the server once during the run. */
  readonly restarts?: boolean
}

/** Time after which a run fails, in milliseconds. On a busy machine one takes minutes. */
const runLimitMs = 600_000

/** A run of the server and its callers. */
export interface Recording {
  readonly folder: string
  /** Folder that everything is recorded below. */
  readonly data: string
  readonly histories: readonly string[]
  readonly operations: readonly Operation[]
  readonly ends: readonly ProcessEnd[]
  readonly refusals: readonly TonyError[]
}

/** Starts a server, runs the workload on it and stops it. */
export async function recordRun({
  folder,
  tasks,
  seed,
  faults = [],
  first,
  restarts = false,
}: RecordingOptions): Promise<Recording> {
  const planted = [...frequentCheckpoints, ...faults]
  const server = await RecordedServer.start({ folder, faults: planted, ...(first && { first }) })
  const signal = AbortSignal.timeout(runLimitMs)
  const { histories, refusals } = await runWorkload({ server, folder, tasks, seed, restarts, signal }).finally(() =>
    server.stop(),
  )
  return { folder, data: server.data, histories, refusals, operations: readTrace(server.trace), ends: server.ends }
}

/** Runs `use` with a new folder, and deletes it. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-power-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The secrets beside a database, by the names of their files. */
export const secretsIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => /\.(key|pepper)$/.test(name))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )
