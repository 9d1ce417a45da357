import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second in `/proc`: the same on every Linux. */
const ticksPerSecond = 100

interface ProcessStat {
  readonly parent: number
  readonly cpuSeconds: number
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // The process has ended since its folder was listed.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined
    throw error
  }
}

/** Reads the parent and the CPU time of a process, with that of its children that have ended. */
function statOf(pid: number): ProcessStat | undefined {
  const text = readText(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name of the program, in brackets, may have spaces. These are the fields after it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
  return { parent: Number(fields[1]), cpuSeconds: ticks / ticksPerSecond }
}

/** Reads processes and all their descendants. */
function readTrees(roots: readonly number[]): Map<number, ProcessStat> {
  const stats = new Map<number, ProcessStat>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined
    if (stat) stats.set(Number(name), stat)
  }
  const belongs = (pid: number): boolean => {
    if (roots.includes(pid)) return true
    const parent = stats.get(pid)?.parent ?? 0
    return parent > 1 && belongs(parent)
  }
  return new Map([...stats].filter(([pid]) => belongs(pid)))
}

/** Returns the CPU seconds of processes and all their descendants. */
export const cpuSecondsOf = (roots: readonly number[]): number =>
  [...readTrees(roots).values()].reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)

/** Kills processes with all their descendants, but not this one. */
export function killTrees(roots: readonly number[]): void {
  for (const pid of readTrees(roots).keys()) if (pid !== process.pid) process.kill(pid, 'SIGKILL')
}

/** Returns the resident bytes of a process. */
export function residentBytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kilobytes ?? 0) * 1_024
}

interface MachineTime {
  readonly busySeconds: number
  readonly allSeconds: number
}

/** Reads the time of all cores. Time that the host gave to other machines counts as busy. */
export function machineTime(): MachineTime {
  const line = /^cpu\s+(.*)$/m.exec(readText('/proc/stat') ?? '')?.[1] ?? ''
  // The fields after these eight are parts of the first two.
  const ticks = line.split(/\s+/).slice(0, 8).map(Number)
  const all = ticks.reduce((sum, value) => sum + value, 0)
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { busySeconds: (all - idle) / ticksPerSecond, allSeconds: all / ticksPerSecond }
}
