import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Agent, createClient, delimitUntrustedMessage, watch } from '@tony/mcp-client'
import * as plugins from '@tony/mcp-client/plugin'
import { MinimalMCPServer, TonyMCPIntegration } from '@tony/mcp-client/tony'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { describe, expect, test } from 'vitest'
import { TestServer } from './support/server.ts'

const pages = ['docs/tasks.md', 'docs/messages.md', 'docs/requests.md', 'docs/client.md', 'docs/plugins.md']
const root = fileURLToPath(new URL('..', import.meta.url))

interface Example {
  readonly title: string
  readonly code: string
}

/** Returns the `js` blocks of a page, each with its heading and its first line. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(root + page, 'utf8')
  return [...text.matchAll(/```js\n([^`]*(?:`[^`]+`[^`]*)*)```/g)].map(({ 1: code = '', index }) => {
    const before = text.slice(0, index).split('\n')
    const heading = before.findLast((line) => line.startsWith('#')) ?? ''
    return { title: `${page}:${before.length} ${heading.replace(/^#+ /, '')}`, code }
  })
}

/** Returns the variables that the pages assume in their examples. */
async function scopeOf(server: TestServer) {
  const lead = server.connect()
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((name) => server.agent(name, { capabilities: ['code'] })))
  const tess = await server.agent('tess', { role: 'tester' })
  return {
    ...plugins,
    MinimalMCPServer,
    TonyMCPIntegration,
    server,
    url: server.url,
    lead,
    ada,
    bob,
    tess,
    assert,
    delimitUntrustedMessage,
    Agent,
    createClient,
    watch,
  }
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

describe('an example of the docs runs unchanged:', () => {
  test.each(examples)('$title', async ({ code }) => {
    await using server = await TestServer.start()
    await run(code, await scopeOf(server))
  })
})

test('every verb of tasks, messages, requests and health has an example', () => {
  const text = examples.map(({ code }) => code).join('\n')
  const verbs = [...procedures.keys()].filter((path) => /^(tasks|messages|requests|health)\./.test(path))
  expect(verbs.length).toBeGreaterThan(40)
  expect(verbs.filter((verb) => !text.includes(`.${verb}(`))).toEqual([])
})

test('a wrong example fails', async () => {
  await using server = await TestServer.start()
  const scope = await scopeOf(server)
  await expect(run('assert.equal((await lead.tasks.list({})).tasks.length, 1)', scope)).rejects.toThrow()
})
