import { procedures } from '@tony/mcp-server/api/pipeline'
import { restRoutes } from '@tony/mcp-server/api/rest/routes'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import { cases, messageFor, taskFor, type World } from './equality-cases.ts'
import { overRest } from './rest-way.ts'
import { comparable, type Outcome, ways } from './three-ways.ts'

let server: TestServer
let named = 0

beforeAll(async () => {
  server = await TestServer.start({ config: { devRole: 'admin', durability: 'process' } })
})
afterAll(() => server[Symbol.asyncDispose]())

interface Question {
  readonly input: (of: World) => unknown
  readonly token?: (of: World) => string | undefined
  readonly role?: 'observer' | 'tech-lead'
}

/** Makes the same call over tRPC and in REST, in worlds that are equal. Expects equal replies. */
async function sameInRest(path: string, { input, token, role = 'tech-lead' }: Question): Promise<Outcome> {
  const known = cases[path]
  const kind = procedures.get(path)?.kind ?? 'query'
  const outcomes: Outcome[] = []
  for (const ask of [ways['http'], overRest]) {
    named += 1
    const of: World = { agent: await server.agent(`agent-${named}`, { role }), lead: server.connect() }
    if (kind === 'subscription') await Promise.all([taskFor(of), messageFor(of)])
    const caller = known?.as === 'developer' ? undefined : of.agent.token
    // Two paths have a field that is optional in the input.
    const filled =
      path === 'projects.get' ? { project: 'default' } : path === 'agents.unregister' ? { agent: of.agent.id } : {}
    const text = JSON.stringify({ ...filled, ...Object(await input(of)) })
    const outcome = await ask?.(server, { path, kind, input: text, token: token ? token(of) : caller })
    if (outcome) outcomes.push(outcome)
    of.agent.close()
    of.lead.close()
  }
  const [first = { data: undefined }, inRest = { data: undefined }] = outcomes
  expect(comparable(inRest), path).toEqual(comparable(first))
  return inRest
}

test('every procedure has a method and a path of its own', () => {
  expect(restRoutes.map(({ procedure }) => procedure)).toEqual([...procedures.keys()])
  expect(new Set(restRoutes.map(({ method, path }) => `${method} ${path}`)).size).toBe(restRoutes.length)
})

describe.each([...procedures.keys()])('%s in REST', (path) => {
  const known = cases[path]

  // On PostgreSQL a backup is the task of the database's own tools.
  test.skipIf(onPostgres && path === 'system.backup')('is accepted with the reply of tRPC', async () => {
    expect(await sameInRest(path, { input: (of) => known?.valid(of) })).toHaveProperty('data')
  })

  test('refuses an unknown field as tRPC does', async () => {
    await sameInRest(path, { input: async (of) => ({ ...Object(await known?.valid(of)), surprise: 1 }) })
  })

  test.runIf(known?.absent !== undefined)('has the reply of tRPC for an absent object', async () => {
    await sameInRest(path, { input: () => known?.absent })
  })

  test('refuses a caller without a credential or the permission as tRPC does', async () => {
    await sameInRest(path, { input: (of) => known?.valid(of), token: () => 'stranger' })
    if (known?.absent !== undefined) await sameInRest(path, { input: () => known.absent, role: 'observer' })
  })
})
