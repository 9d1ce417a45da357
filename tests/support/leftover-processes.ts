import { readdirSync, readFileSync } from 'node:fs'
import { afterAll } from 'vitest'

/** Returns the parent of each process by its id; empty if there is no /proc. */
function parents(): Map<number, number> {
  const found = new Map<number, number>()
  for (const name of process.platform === 'linux' ? readdirSync('/proc') : []) {
    const parent = parentOf(Number(name))
    if (parent !== undefined) found.set(Number(name), parent)
  }
  return found
}

/** Returns undefined if the process does not exist. */
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

/** A test that reaches its timeout never disposes of its processes. */
afterAll(() => {
  for (const pid of descendantsOf(process.pid)) {
    process.stderr.write(`a test left process ${pid} behind\n`)
    process.kill(pid, 'SIGKILL')
  }
})
