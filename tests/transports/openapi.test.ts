import { readFileSync } from 'node:fs'
import { restRoutes } from '@tony/mcp-server/api/rest/routes'
import { errorPolicies } from '@tony/mcp-shared/errors'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, unknown>>
}

interface Description {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
}

const committed: Description = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'))
const operations = Object.values(committed.paths).flatMap((methods) => Object.values(methods))

test('a server describes REST as the committed file does, without a credential', async () => {
  await using server = await TestServer.start({ mode: 'serve' })
  const reply = await fetch(`${server.url}/openapi.json`)
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(await reply.json()).toEqual(committed)
  const posted = await fetch(`${server.url}/openapi.json`, { method: 'POST' })
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
})

test('every procedure is an operation with a stable id, a summary, a description and every error', () => {
  expect(committed.openapi).toBe('3.1.0')
  const ids = operations.map(({ operationId }) => operationId)
  expect(ids.toSorted()).toEqual(
    restRoutes
      .map(({ procedure }) => procedure.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase()))
      .toSorted(),
  )
  const statuses = Object.values(errorPolicies).map(({ http }) => String(http))
  for (const { summary, description, responses } of operations) {
    expect([summary, description]).not.toContain('')
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(statuses))
  }
})

test('every field of a path is a parameter, and every reference leads to a part of the description', () => {
  for (const [path, methods] of Object.entries(committed.paths)) {
    const fields = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    for (const { parameters } of Object.values(methods))
      expect(parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(fields)
  }
  const references = new Set(JSON.stringify(committed).match(/#\/[\w/-]+/g))
  for (const reference of references) {
    const found = reference
      .slice(2)
      .split('/')
      .reduce((at: unknown, name) => Reflect.get(Object(at), name), committed)
    expect([reference, found]).not.toEqual([reference, undefined])
  }
})

test('nullability is a type, not the word of OpenAPI 3.0 and not an alternative', () => {
  const text = JSON.stringify(committed)
  expect(text).not.toContain('"nullable"')
  expect(text).toContain('"type":["string","null"]')
  // Only a reference needs an alternative.
  for (const [, other] of text.matchAll(/"anyOf":\[\{([^[\]]*)\},\{"type":"null"\}\]/g))
    expect(other).toContain('"$ref"')
})

test('a thing has one schema with a name, and a reply allows fields of a newer server', () => {
  const { schemas } = committed.components
  expect(Object.keys(schemas)).toEqual(expect.arrayContaining(['Agent', 'Event', 'LeasedTask', 'Message', 'Task']))
  expect(JSON.stringify(schemas)).not.toContain('"additionalProperties":false')
})
