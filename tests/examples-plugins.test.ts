import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { TestServer } from './support/server.ts'

/** Runs an example in a folder of its own until it ends. Returns its output by lines. */
async function example(server: TestServer, name: string): Promise<string[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'tony-example-'))
  const file = fileURLToPath(new URL(`../examples/${name}`, import.meta.url))
  const env = { ...process.env, TONY_MCP_URL: server.url }
  try {
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, [file], { cwd, env, timeout: 25_000 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}${stderr}`)) : resolve(stdout.trim().split('\n')),
      )
    })
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

test('the example of a plugin runs', async () => {
  await using server = await TestServer.start()
  expect(await example(server, 'plugin.ts')).toEqual(['too long: [ 2 ]'])
})

test('the example of a plugin of Tony 2.7 runs without a change', async () => {
  await using server = await TestServer.start()
  expect(await example(server, 'migrated-plugin.ts')).toEqual(['3 words, asked 1 times', '2 words, asked 2 times'])
})

test('the example of a program of Tony 2.8 runs with one changed import', async () => {
  await using server = await TestServer.start()
  const types = ['implementation', 'qa', 'security', 'documentation']
  const said = await example(server, 'tony-2.8.ts')
  expect(said.slice(0, 4).toSorted()).toEqual(types.map((type) => `deployed ${type}`).toSorted())
  expect(said.slice(4)).toEqual([
    'tech-lead leads 4 agents: healthy 5',
    'assigned code.write',
    'accepted: true',
    'documentation idle',
    'implementation idle',
    'qa idle',
    'security idle',
    'tony idle',
    'Agent nobody not found',
  ])
  expect((await server.connect().agents.list({})).agents).toEqual([])
})
