import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { TestServer } from './support/server.ts'

const folder = fileURLToPath(new URL('../examples', import.meta.url))

/**
 * Runs an example on the built client, as a reader would, until it ends. Resolves with its output.
 */
const run = (name: string, url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(process.execPath, [`${folder}/${name}`, url], (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout),
    )
  })

const says: Readonly<Record<string, readonly string[]>> = {
  'quickstart.ts': ['say hello: done'],
  'worker-pool.ts': ['40 tasks done by 4 workers'],
  'chat.ts': ['bob hears: How are the tests?', 'ada hears: Two fail.', 'ada asks: { passed: 40, failed: 2 }'],
}

test.each(Object.entries(says))('the example %s runs until it ends', async (name, lines) => {
  await using server = await TestServer.start()
  expect((await run(name, server.url)).trim().split('\n')).toEqual(lines)
})

test('the examples run one after another at one server, as often as one likes, and leave no agent', async () => {
  await using server = await TestServer.start()
  for (const name of ['quickstart.ts', 'chat.ts', 'quickstart.ts', 'worker-pool.ts', 'chat.ts'])
    expect((await run(name, server.url)).trim().split('\n')).toEqual(says[name])
  expect((await server.connect().agents.list({})).agents).toEqual([])
})

test('every example runs here or with its subject, and the quickstart has at most fifteen lines', () => {
  const examples = readdirSync(folder).filter((name) => name.endsWith('.ts') && !/plugin|tony/.test(name))
  expect(examples.toSorted()).toEqual(Object.keys(says).toSorted())
  expect(readFileSync(`${folder}/quickstart.ts`, 'utf8').trim().split('\n').length).toBeLessThanOrEqual(15)
})
