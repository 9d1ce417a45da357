import { spawn } from 'node:child_process'
import { once } from 'node:events'

interface BuildStep {
  /** The thing that the step builds. */
  readonly name: string
  /** The arguments of Node. */
  readonly argv: readonly string[]
}

interface StepOptions {
  readonly cwd: string
  /** Called with the name of a step that takes longer than `silentMs`. */
  readonly report: (line: string) => void
  readonly silentMs?: number
}

/** A build without changes takes a second and needs no words; the first one takes a minute. */
const defaultSilentMs = 1_500

/** Runs a step of the build, and reports it if it takes long. Returns its exit code. */
export async function runBuildStep(
  { name, argv }: BuildStep,
  { cwd, report, silentMs = defaultSilentMs }: StepOptions,
): Promise<number> {
  const child = spawn(process.execPath, argv, { cwd, stdio: 'inherit' })
  const timer = setTimeout(() => report(`building ${name}`), silentMs)
  const [code] = await once(child, 'exit')
  clearTimeout(timer)
  return typeof code === 'number' ? code : 1
}
