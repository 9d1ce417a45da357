import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { program } from '../support/command.ts'

/** Prints the address of each module that a process of Node loads from a file. */
const recorder = `data:text/javascript,import{registerHooks}from'node:module';import{writeSync}from'node:fs';registerHooks({load(url,context,next){if(url.startsWith('file:'))writeSync(2,url+'\\n');return next(url,context)}})`

test.each(['session-start', 'prompt', 'tool', 'stop'])('the hook %s loads no library and little code', (event) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'tony-hook-'))
  const argv = ['--import', recorder, program, 'hook', event, '--host', 'claude-code']
  const env = { ...process.env, TONY_MCP_STATE_DIR: stateDir }
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', env, input: '{}' })
  rmSync(stateDir, { recursive: true })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  const loaded = stderr
    .trim()
    .split('\n')
    .map((url) => fileURLToPath(url))
  expect(loaded.filter((path) => path.includes('/node_modules/'))).toEqual([])
  expect(loaded.some((path) => path.endsWith('/hook-entry.js'))).toBe(true)
  // The bundle has libraries too, in larger files.
  const bytes = loaded.reduce((sum, path) => sum + statSync(path).size, 0)
  expect(bytes).toBeLessThan(100_000)
})
