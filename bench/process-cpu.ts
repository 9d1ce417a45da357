import { spawnSync } from 'node:child_process'

/** Prints the CPU time of a process at its end, in milliseconds, on its standard error. */
const reporter = `data:text/javascript,import{writeSync}from'node:fs';process.on('exit',()=>{const{user,system}=process.cpuUsage();writeSync(2,'cpu '+(user+system)/1e3)})`

interface NodeRun {
  readonly cpuMs: number
  readonly stdout: string
}

/** Runs Node to its end, without input. Returns its CPU time in milliseconds and its output. */
export function runNode(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): NodeRun {
  const options = { encoding: 'utf8', env, input: '' } as const
  const { stderr, stdout } = spawnSync(process.execPath, ['--import', reporter, ...argv], options)
  return { cpuMs: Number(/cpu ([\d.]+)$/.exec(stderr)?.[1]), stdout }
}
