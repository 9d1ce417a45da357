import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { jsonLines, planFile } from './plan-file.ts'
import { beadsSource, taskmasterSource } from './plan-sources.ts'

const demo = fileURLToPath(new URL('../demo/main.ts', import.meta.url))

interface Outcome {
  readonly planned: { readonly tasks: number; readonly dependencies: number }
  readonly missing: readonly string[]
  readonly report: {
    readonly violations: readonly object[]
    readonly counted: Readonly<Record<'tasks' | 'dependencies' | 'completions' | 'watched', number>>
  }
}

/** Runs the demo on a plan, as `npm run demo -- --plan FILE --replay` does after its build. */
function replay(plan: string): Promise<{ code: number; stderr: string; outcome: Outcome }> {
  const argv = [demo, '--plan', plan, '--replay', '--agents', '8', '--seed', 'replay', '--json']
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const [line = ''] = stdout.split('\n')
      resolve({ code: error ? 1 : 0, stderr, outcome: line === '' ? undefined : JSON.parse(line) })
    })
  })
}

const beads = beadsSource(30, 3)
const dangling = beads.flatMap(({ dependencies }) => JSON.stringify(dependencies ?? []).match(/external:|gone/g) ?? [])

test.each([
  ['a beads file with dangling edges', jsonLines(beads)],
  ['a Task Master file', JSON.stringify(taskmasterSource(9, 3))],
])(
  'a fleet that misbehaves does all work of %s without a violation',
  async (_, text) => {
    const { code, stderr, outcome } = await replay(await planFile(text, 'plan'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(outcome.report.violations).toEqual([])
    expect(outcome.missing).toEqual([])
    const { counted } = outcome.report
    expect(counted.tasks).toBe(outcome.planned.tasks)
    expect(Math.min(counted.tasks - 20, counted.dependencies, counted.watched)).toBeGreaterThan(0)
    // Each task is completed by an agent, or by the end of its last child.
    expect(counted.completions).toBeGreaterThan(counted.tasks / 2)
  },
  600_000,
)

test('the beads file has edges to ids that it does not hold', () => {
  expect(dangling.length).toBeGreaterThan(3)
})
