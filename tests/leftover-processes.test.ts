import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { Child } from './support/child.ts'
import { killLeftovers } from './support/leftover-processes.ts'
import { StoreFolder } from './support/store.ts'

/** A program that runs until it is killed. */
const endless = 'setInterval(() => undefined, 1_000)'

async function firstLineOf({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('the process has no standard output')
  for await (const line of createInterface(stdout)) return line
  throw new Error('the process wrote no line')
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a server of a test that was not ended is killed after the file', async () => {
  using folder = new StoreFolder()
  const child = new Child('serve.ts', folder.file, '0')
  await child.says('ready')
  expect(killLeftovers()).toContain(child.pid)
  expect((await child.end()).signal).toBe('SIGKILL')
  expect(killLeftovers()).toEqual([])
})

test.runIf(process.platform === 'linux')('a process whose parent has ended is killed too', async () => {
  // As the servers of a demo that was killed.
  const script = `const { pid } = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(endless)}],
    { stdio: 'ignore', detached: true }); console.log(pid); process.exit()`
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(parent, 'exit')
  const orphan = Number(await firstLineOf(parent))
  await ended
  expect(isRunning(orphan)).toBe(true)
  expect(killLeftovers()).toContain(orphan)
  await expect.poll(() => killLeftovers()).toEqual([])
})
