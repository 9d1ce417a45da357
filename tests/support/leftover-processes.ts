import { readdirSync, readFileSync } from 'node:fs'
import { afterAll } from 'vitest'

/**
 * Every process that a test starts inherits this variable, and so do the processes that it starts
 * itself. A process whose parent has ended is found by it.
 */
const mark = 'TONY_TEST_WORKER'
const isFirstFile = process.env[mark] !== String(process.pid)
process.env[mark] = String(process.pid)

/** Reads a file of a process. Returns undefined if the process does not exist or has ended. */
function readOf(pid: number, name: 'stat' | 'environ'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ENOENT|ESRCH|EACCES|EPERM)$/.test(String(error.code)))
      return undefined
    throw error
  }
}

interface Running {
  readonly pid: number
  readonly parent: number
  readonly isZombie: boolean
  readonly isMarked: boolean
}

/** Returns the running processes; none if there is no /proc. */
function runningProcesses(): Running[] {
  const names = process.platform === 'linux' ? readdirSync('/proc') : []
  return names.flatMap((name) => {
    const pid = Number(name)
    const stat = Number.isNaN(pid) ? undefined : readOf(pid, 'stat')
    if (stat === undefined) return []
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const variables = readOf(pid, 'environ')?.split('\0') ?? []
    const isMarked = variables.includes(`${mark}=${process.pid}`)
    return [{ pid, parent: Number(parent), isZombie: state === 'Z', isMarked }]
  })
}

function descendantsOf(pid: number, all: readonly Running[]): Running[] {
  const children = all.filter(({ parent }) => parent === pid)
  return children.flatMap((child) => [child, ...descendantsOf(child.pid, all)])
}

/** Kills the processes that tests of this worker have started. Returns their ids. */
export function killLeftovers(): number[] {
  const all = runningProcesses()
  const started = [...descendantsOf(process.pid, all), ...all.filter(({ isMarked }) => isMarked)]
  const pids = new Set(started.filter(({ isZombie }) => !isZombie).map(({ pid }) => pid))
  pids.delete(process.pid)
  for (const pid of pids) {
    process.stderr.write(`a test left process ${pid} behind\n`)
    process.kill(pid, 'SIGKILL')
  }
  return [...pids]
}

/** A test that reaches its timeout never disposes of its processes. */
afterAll(() => void killLeftovers())

// Such a test may even start further ones after the end of its file.
if (isFirstFile) process.once('exit', killLeftovers)
