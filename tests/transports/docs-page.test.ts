import { restRoutes } from '@tony/mcp-server/api/rest/routes'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

test('the page of REST names every operation and needs no credential', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const reply = await fetch(`${server.url}/docs`)
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const page = await reply.text()
  for (const { method, path, procedure } of restRoutes) {
    const part = page.slice(page.indexOf(`id="${procedure}"`))
    expect([procedure, part.includes(`>${method}<`), part.includes(`<code>${path}</code>`)]).toEqual([
      procedure,
      true,
      true,
    ])
  }
  const posted = await fetch(`${server.url}/docs`, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
})

test('the page of REST loads nothing from anywhere, and its policy forbids it', async () => {
  await using server = await TestServer.start()
  const reply = await fetch(`${server.url}/docs`)
  const page = await reply.text()
  expect(page).not.toMatch(/<(script|img|link|iframe|object|embed|form|base)\b|@import|url\(/i)
  expect([...page.matchAll(/\b(?:src|href|action)="([^"]*)"/g)].filter(([, to = '']) => !/^(#|\/)/.test(to))).toEqual(
    [],
  )
  const policy = reply.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
})

test('the root says where the page, the description and the agent card are', async () => {
  await using server = await TestServer.start()
  const { paths } = JSON.parse(await (await fetch(server.url)).text())
  const text = JSON.stringify(paths)
  for (const path of ['/docs', '/openapi.json', '/a2a', '/.well-known/agent-card.json', '/mcp', '/ws', '/trpc'])
    expect(text).toContain(path)
})
