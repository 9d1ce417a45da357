import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('./recorder.c', import.meta.url))
const argv = ['-shared', '-fPIC', '-O1', '-Wall', '-pthread', source, '-o']

/** The compiled recorder, or the reason why this machine has none. */
export type Recorder = { readonly path: string } | { readonly missing: string }

let known: Recorder | undefined

function compile(): Recorder {
  if (process.platform !== 'linux') return { missing: `the recorder is preloaded, which works on Linux only` }
  const path = join(mkdtempSync(join(tmpdir(), 'tony-recorder-')), 'recorder.so')
  try {
    execFileSync('cc', [...argv, path], { stdio: 'pipe' })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { missing: 'there is no C compiler (cc) for the recorder' }
    throw error
  }
  if (!existsSync(path)) throw new Error('the compiler wrote no recorder')
  return { path }
}

/** Compiles the recorder, once in a process. */
function recorderOf(): Recorder {
  known ??= compile()
  return known
}

/** Variables with which a process is recorded: its writes below `folder`, in the file `trace`. */
export function recorderVariables(folder: string, trace: string): Record<string, string> {
  const recorder = recorderOf()
  if ('missing' in recorder) throw new Error(recorder.missing)
  return { LD_PRELOAD: recorder.path, POWER_FOLDER: folder, POWER_TRACE: trace }
}

/** True if a process can be recorded. If not, the reason is in the output of the run. */
export function canRecord(): boolean {
  const recorder = recorderOf()
  if ('path' in recorder) return true
  process.stdout.write(`SKIPPED: ${recorder.missing}\n`)
  return false
}
