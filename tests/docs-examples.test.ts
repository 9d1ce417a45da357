import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TestServer } from './support/server.ts'

const pages = ['docs/tasks.md', 'docs/messages.md']
const root = fileURLToPath(new URL('..', import.meta.url))

interface Example {
  readonly title: string
  readonly code: string
}

/** The `js` blocks of a page, each under the heading it stands below and the line it begins on. */
function examplesOf(page: string): Example[] {
  const text = existsSync(root + page) ? readFileSync(root + page, 'utf8') : ''
  return [...text.matchAll(/```js\n([^`]*(?:`[^`]+`[^`]*)*)```/g)].map(({ 1: code = '', index }) => {
    const before = text.slice(0, index).split('\n')
    const heading = before.findLast((line) => line.startsWith('#')) ?? ''
    return { title: `${page}:${before.length} ${heading.replace(/^#+ /, '')}`, code }
  })
}

/** What the pages promise is in scope. */
async function scopeOf(server: TestServer) {
  const lead = server.connect()
  const [ada, bob] = [await server.agent('ada'), await server.agent('bob')]
  return { server, lead, ada, bob, tess: await server.agent('tess', { role: 'tester' }), assert }
}

type Scope = Awaited<ReturnType<typeof scopeOf>>

async function run(code: string, scope: Scope): Promise<void> {
  const source = `export async function example({ ${Object.keys(scope).join(', ')} }) {\n${code}\n}`
  const module: { example: (scope: Scope) => Promise<void> } = await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(source)}`
  )
  await module.example(scope)
}

const examples = pages.flatMap(examplesOf)

describe('an example that the docs show runs as it is:', () => {
  test.each(examples)('$title', async ({ code }) => {
    await using server = await TestServer.start()
    await run(code, await scopeOf(server))
  })
})

test('the examples use every verb of a task’s life', () => {
  const text = examples.map(({ code }) => code).join('\n')
  const verbs = [
    ...['create', 'createMany', 'claim', 'next', 'extend', 'progress', 'complete', 'fail', 'release', 'requestInput'],
    ...['provideInput', 'update', 'cancel', 'cancelMany', 'retry', 'retryMany', 'adopt', 'verify', 'get', 'list'],
  ]
  expect(verbs.filter((verb) => !text.includes(`.tasks.${verb}(`))).toEqual([])
})

test('an example that does not hold fails', async () => {
  await using server = await TestServer.start()
  const scope = await scopeOf(server)
  await expect(run('assert.equal((await lead.tasks.list({})).tasks.length, 1)', scope)).rejects.toThrow()
})
