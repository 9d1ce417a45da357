import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

function readParentPid(pid: number): number {
  const file = `/proc/${pid}/stat`
  if (existsSync(file)) return Number(readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ')[1])
  if (process.platform === 'win32' || process.platform === 'linux') return 0
  return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }))
}

/** Returns the ids of the processes above this one, nearest first. */
export function ancestorPids(count: number): number[] {
  const pids = [process.ppid]
  for (let pid = readParentPid(process.ppid); pid > 1 && pids.length < count; pid = readParentPid(pid)) pids.push(pid)
  return pids
}
