import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['bench/main.ts', ...args], { cwd: root, encoding: 'utf8' })

test('the bench counts every operation of this product at each work, without any peer', { timeout: 300_000 }, () => {
  const works = ['W1', 'W2', 'W3', 'latency', 'idle']
  const { stdout, stderr, status } = bench('--smoke', '--peers', 'none', '--only', works.join())
  expect(stdout, stderr).toBe('7 cells counted right, 0 failed\n')
  expect(status).toBe(0)
})

test('a bench with fewer than three peers fails and names the command that installs them', () => {
  const { stderr, status } = bench('--peers', 'redis,nats')
  expect(stderr).toContain('bench/peers/install')
  expect(status).toBe(2)
})
