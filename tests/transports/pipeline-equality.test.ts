import { procedures } from '@tony/mcp-server/api/pipeline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { cases, messageFor, taskFor, type World } from './equality-cases.ts'
import { type Asked, comparable, type Outcome, ways } from './three-ways.ts'

let server: TestServer
let named = 0

beforeAll(async () => {
  server = await TestServer.start({ config: { devRole: 'admin', durability: 'process' } })
})
afterAll(() => server[Symbol.asyncDispose]())

type Standing = 'observer' | 'tech-lead'

async function createWorld(role: Standing): Promise<World> {
  named += 1
  return { agent: await server.agent(`agent-${named}`, { role }), lead: server.connect() }
}

/**
 * Worlds without an accepted call, by transport and role: a refused call changes nothing in them.
 */
const unchanged = new Map<string, World>()

async function worldOf(way: string, role: Standing): Promise<World> {
  const key = `${way} ${role}`
  const world = unchanged.get(key) ?? (await createWorld(role))
  unchanged.set(key, world)
  return world
}

/** Drops the worlds, so that the next call on each transport finds new ones. */
function dismissWorlds(role: Standing): void {
  for (const way of Object.keys(ways)) {
    const world = unchanged.get(`${way} ${role}`)
    unchanged.delete(`${way} ${role}`)
    world?.agent.close()
    world?.lead.close()
  }
}

type Input = (of: World) => unknown

interface Question {
  readonly path: string
  readonly role?: Standing
  /** Default: the token of the agent. */
  readonly token?: (of: World) => string | undefined
  /** A string is sent as JSON text without a change. */
  readonly input: Input | string | undefined
}

const textOf = (input: unknown): string | undefined => (input === undefined ? undefined : JSON.stringify(input))

/** Makes the same call on each transport, in worlds that are equal, and expects equal replies. */
async function sameOnAll({
  path,
  role = 'tech-lead',
  token = ({ agent }) => agent.token,
  input,
}: Question): Promise<Outcome> {
  const { kind } = procedures.get(path) ?? { kind: 'query' as const }
  const answers: [string, Outcome][] = []
  for (const [name, ask] of Object.entries(ways)) {
    const of = await worldOf(name, role)
    // The task and the message are the first items that a subscription sends.
    if (kind === 'subscription') await Promise.all([taskFor(of), messageFor(of)])
    const text = typeof input === 'function' ? textOf(await input(of)) : input
    const asked: Asked = { path, kind, input: text, token: token(of) }
    answers.push([name, await ask(server, asked)])
  }
  if (typeof input === 'function' || answers.some(([, answer]) => 'data' in answer)) dismissWorlds(role)
  const [first] = answers
  for (const [name, answer] of answers) {
    expect(comparable(answer), `${path} over ${name} with ${String(input)}`).toEqual(comparable(first?.[1] ?? answer))
  }
  return first?.[1] ?? { data: undefined }
}

const codeIn = (outcome: Outcome): unknown =>
  'error' in outcome ? (outcome.error as { code: unknown }).code : undefined

/**
 * Inputs that no procedure expects. If a procedure accepts one, it must do so on every transport.
 */
const generic = [
  undefined,
  'null',
  '{}',
  '[]',
  '"text"',
  '7',
  'true',
  '{"nothing":1}',
  '{"taskId":7,"limit":"many","leases":{},"tasks":{},"waitMs":-1,"cursor":[],"agent":null,"name":[],"to":0}',
  '{"limit":0,"depth":0,"slots":0,"agent":"","name":"","type":""}',
  '{"__proto__":{"a":1}}',
  '{"constructor":1}',
  '{"type":"a\\u0000b"}',
  '{"type":"\\ud800"}',
  '{"limit":1e400}',
  '{"limit":9007199254740993}',
  `{"metadata":${'['.repeat(40)}${']'.repeat(40)}}`,
] as const

/** In a part of the rounds, a procedure gets every third input and its neighbours the others. */
const inputStep = roundsOf({ part: 3, full: 1, variable: 'INPUT_STEP' })
const genericOf = (procedure: number) => generic.filter((_, input) => (input + procedure) % inputStep === 0)

test('every procedure has a case here, and every case a procedure', () => {
  expect(Object.keys(cases).sort()).toEqual([...procedures.keys()].sort())
})

describe.each([...procedures.keys()].map((path, index) => ({ path, index })))('$path', ({ path, index }) => {
  const known = cases[path]
  const developer = known?.as === 'developer' ? { token: () => undefined } : {}

  // On PostgreSQL a backup is the task of the database's own tools.
  test.skipIf(onPostgres && path === 'system.backup')('is accepted with the same reply on all transports', async () => {
    const outcome = await sameOnAll({ path, input: (of) => known?.valid(of), ...developer })
    expect(outcome).toHaveProperty('data')
  })

  test('refuses or accepts an unknown key on all transports', async () => {
    await sameOnAll({ path, input: async (of) => ({ ...Object(await known?.valid(of)), surprise: 1 }), ...developer })
  })

  test('has the same reply for an absent object on all transports', async () => {
    if (known?.absent !== undefined) await sameOnAll({ path, input: () => known.absent })
  })

  test.each(genericOf(index))('has the same reply to %s on all transports', async (input) => {
    await sameOnAll({ path, input })
  })

  test('refuses a caller without a credential equally on all transports, unless it is open', async () => {
    for (const input of [(of: World) => known?.valid(of), '{"nothing":1}', '{"__proto__":1}']) {
      const code = codeIn(await sameOnAll({ path, input, token: () => 'stranger' }))
      if (procedures.get(path)?.meta.permission !== 'open') expect(['UNAUTHENTICATED', 'INVALID_INPUT']).toContain(code)
    }
  })

  test('has the same reply to the lowest role on all transports', async () => {
    for (const input of [known?.absent === undefined ? '{}' : () => known.absent, '{"nothing":1}'] as const) {
      await sameOnAll({ path, input, role: 'observer' })
    }
  })
})

test('the lowest role is refused with the missing permission', async () => {
  const outcome = await sameOnAll({ path: 'tasks.cancel', input: '{}', role: 'observer' })
  expect(outcome).toMatchObject({
    error: { code: 'FORBIDDEN', httpStatus: 403, details: { permission: 'tasks:cancel', role: 'observer' } },
  })
})

test('an invalid token is refused equally on all transports', async () => {
  const outcome = await sameOnAll({ path: 'tasks.list', input: '{}', token: () => 'nothing' })
  expect(outcome).toMatchObject({ error: { code: 'UNAUTHENTICATED', httpStatus: 401 } })
})

test('the developer of dev mode is refused equally on all transports if a procedure needs an agent', async () => {
  for (const [path, input] of [
    ['tasks.claim', '{}'],
    ['messages.inbox', '{}'],
    ['tasks.work', '{}'],
    ['agents.heartbeat', '{}'],
    ['agents.unregister', '{}'],
  ] as const) {
    expect(codeIn(await sameOnAll({ path, input, token: () => undefined })), path).toBe('FORBIDDEN')
  }
})
