import { readdirSync, readFileSync } from 'node:fs'
import { afterAll } from 'vitest'

/** The parent of each process, by the id of the process; empty where there is no /proc. */
function parents(): Map<number, number> {
  const found = new Map<number, number>()
  for (const name of process.platform === 'linux' ? readdirSync('/proc') : []) {
    const parent = parentOf(Number(name))
    if (parent !== undefined) found.set(Number(name), parent)
  }
  return found
}

/** Undefined if there is no such process, or no more. */
function parentOf(pid: number): number | undefined {
  if (Number.isNaN(pid)) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ENOENT|ESRCH)$/.test(String(error.code))) return undefined
    throw error
  }
}

function descendantsOf(pid: number, all = parents()): number[] {
  const children = [...all].filter(([, parent]) => parent === pid).map(([child]) => child)
  return children.flatMap((child) => [child, ...descendantsOf(child, all)])
}

/** A test that runs out of time never disposes of the processes it has started. */
afterAll(() => {
  for (const pid of descendantsOf(process.pid)) {
    process.stderr.write(`a test left process ${pid} behind\n`)
    process.kill(pid, 'SIGKILL')
  }
})
