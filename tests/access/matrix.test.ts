import { procedures } from '@tony/mcp-server/api/pipeline'
import { type Role, roles } from '@tony/mcp-shared/roles'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, Wire } from '../transports/wire.ts'
import { badStates, type State } from './credentials.ts'
import { expected } from './expected.ts'
import { expectedTargets, kinds, noTarget } from './expected-targets.ts'
import { Guarded } from './given.ts'
import { Cast, inputOf } from './targets.ts'
import { Caller, isLetIn, unusable } from './ways.ts'

interface Call {
  readonly path: string
  readonly name: string
  readonly input: unknown
}

let guarded: Guarded
let states: State[]
let caller: Caller
let decisions = 0
let calls: Call[]
const tokens = new Map<Role, string>()

const limits = { callerBurst: 1e9, addressBurst: 1e9, pingMs: 1e9 }

/**
 * Makes a call of every procedure for the caller's own object, another's and an absent one. A
 * refused call changes none of them.
 */
async function everyCall(): Promise<Call[]> {
  using cast = new Cast(guarded.server.url, guarded.admin)
  const every: Call[] = []
  for (const path of procedures.keys()) {
    if (expected[path] === 'anyone' || expectedTargets[path] === noTarget) {
      every.push({ path, name: path, input: unusable })
      continue
    }
    for (const kind of kinds) {
      const world = { agent: await cast.agent('tech-lead'), lead: guarded.admin }
      every.push({ path, name: `${path} of ${kind}`, input: await inputOf(path, kind, world) })
    }
  }
  return every
}

beforeAll(async () => {
  guarded = await Guarded.start({ limits, config: { trustedProxies: ['127.0.0.1/32'], durability: 'process' } })
  states = await badStates(guarded)
  for (const role of roles) {
    if (role === 'admin') tokens.set(role, guarded.adminKey)
    else tokens.set(role, (await guarded.agent(`as ${role}`, role)).token)
  }
  calls = await everyCall()
  caller = new Caller(guarded.server.url)
})
afterAll(async () => {
  const over = `${procedures.size} procedures and ${states.length} bad credentials`
  process.stdout.write(`${decisions + caller.calls} decisions over ${over}, none other than expected\n`)
  caller[Symbol.dispose]()
  await guarded[Symbol.asyncDispose]()
})

/** Makes calls of one kind in HTTP batches of twenty. */
async function overBatches(
  every: readonly Call[],
  authorization: string | undefined,
): Promise<{ call: Call; code: string }[]> {
  const answers: { call: Call; code: string }[] = []
  for (const kind of ['query', 'mutation'] as const) {
    const ofKind = every.filter(({ path }) => procedures.get(path)?.kind === kind)
    for (let at = 0; at < ofKind.length; at += 20) {
      const part = ofKind.slice(at, at + 20)
      const codes = await caller.batch(part, authorization)
      for (const [index, call] of part.entries()) answers.push({ call, code: codes[index] ?? '' })
    }
  }
  return answers
}

const each = (): Call[] => [...procedures.keys()].map((path) => ({ path, name: path, input: unusable }))

const decided = (code: string): string =>
  code === 'FORBIDDEN' ? 'refused' : code === 'INVALID_INPUT' ? 'let in' : code

const expectedOf = (path: string, role: Role): string => (isLetIn(path, role) ? 'let in' : 'refused')

test('every procedure is in the table', () => {
  expect([...procedures.keys()].filter((path) => expected[path] === undefined)).toEqual([])
})

describe.each([...roles])('a caller of the role %s', (role) => {
  const bearer = () => `Bearer ${tokens.get(role)}`

  test('is accepted as the table states, over HTTP', async () => {
    for (const { path, input } of each())
      expect(decided(await caller.one(path, bearer(), input)), path).toBe(expectedOf(path, role))
  })

  test('is accepted as the table states, in an HTTP batch', async () => {
    for (const { call, code } of await overBatches(each(), bearer()))
      expect(decided(code), call.path).toBe(expectedOf(call.path, role))
  })

  test('is accepted as the table states, over a WebSocket', async () => {
    using wire = await Wire.open(guarded.server.url, { connectionParams: { token: tokens.get(role) } })
    for (const { path, input } of each()) {
      decisions += 1
      wire.send({ id: decisions, method: procedures.get(path)?.kind, params: { path, input } })
      const code = codeOf(await wire.of(decisions))
      expect(decided(String(code ?? 'OK')), path).toBe(expectedOf(path, role))
    }
  })
})

/**
 * Returns the code for a caller with a bad credential. A procedure without authentication checks
 * its input instead.
 */
const toldBad = (path: string, code: string): string => (expected[path] === 'anyone' ? 'INVALID_INPUT' : code)

test('there are at least twenty-five kinds of refused credentials', () => {
  expect(new Set(states.map(({ name }) => name)).size).toBeGreaterThanOrEqual(25)
})

test('a caller with a bad credential reaches only procedures without authentication, and gets the same error everywhere', async () => {
  const before = await guarded.admin.events.list({ limit: 1_000 })
  for (const { name, authorization, code } of states) {
    const differs: string[] = []
    const note = (what: string, path: string, told: string) => {
      if (told !== toldBad(path, code)) differs.push(`${what} with ${name}: ${told}`)
    }
    for (let at = 0; at < calls.length; at += 8) {
      const part = calls.slice(at, at + 8)
      const told = await Promise.all(part.map(({ path, input }) => caller.one(path, authorization, input)))
      for (const [index, call] of part.entries()) note(call.name, call.path, told[index] ?? '')
    }
    for (const { call, code: told } of await overBatches(calls, authorization))
      note(`${call.name} in a batch`, call.path, told)
    expect(differs).toEqual([])
  }
  expect(await guarded.admin.events.list({ limit: 1_000 })).toEqual(before)
})

test('a socket with a bad credential is closed with the reason', async () => {
  for (const { name, authorization, code } of states) {
    if (authorization === undefined) continue
    decisions += 1
    using wire = await Wire.open(guarded.server.url, { headers: caller.headers(authorization) })
    expect((await wire.of(null)).error?.data['code'], name).toBe(code)
    expect(await wire.closed, name).toEqual({ code: 4401, reason: code })
  }
})

test('a socket without a credential reaches only procedures without authentication', async () => {
  using wire = await Wire.open(guarded.server.url)
  for (const { path, name, input } of calls) {
    decisions += 1
    wire.send({ id: decisions, method: procedures.get(path)?.kind, params: { path, input } })
    expect(codeOf(await wire.of(decisions)), name).toBe(toldBad(path, 'UNAUTHENTICATED'))
  }
})

const ends: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  TOKEN_REVOKED: (name) => guarded.admin.auth.revoke({ agent: name }),
  STALE_INCARNATION: (name) => guarded.admin.agents.register({ name, type: 'qa', takeOver: true }),
  TOKEN_EXPIRED: async () => guarded.server.clock.advance(606_000),
}

/** Ends a credential for the calls that arrive now, before the server closes its socket. */
function endAt(code: string, { sessionId = '', agentId = '', keyId = '' }: Record<string, string>): void {
  const { server } = guarded
  const {
    identity: { revocations, incarnations },
    now,
  } = server.parts
  // The admin's own key ends with it, so this is the last test.
  const lifeMs = keyId === '' ? 700_000 : 100 * 86_400_000
  if (code === 'TOKEN_EXPIRED') server.clock.setWall(server.clock.wall() + lifeMs)
  else if (code === 'STALE_INCARNATION') incarnations.supersede(agentId, 2)
  else revocations.record(keyId === '' ? { sessions: [sessionId] } : { sessions: [], key: keyId }, now())
}

async function ofRole(role: Role): Promise<{ token: string; ids: Record<string, string> }> {
  if (role === 'admin') {
    const { key, keyId } = await guarded.key({ roleCeiling: 'admin', scopes: ['*'] })
    return { token: key, ids: { keyId } }
  }
  const { token, agentId, client } = await guarded.agent(`live ${crypto.randomUUID()}`, role)
  const { sessionId } = await client.auth.whoami()
  client.close()
  return { token, ids: { agentId, sessionId: sessionId ?? '' } }
}

/**
 * Resolves at the end of this iteration of the event loop. Until the next one, no socket is read.
 */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/**
 * Sends every call in one frame, ends the credential before the server reads the frame, and returns
 * the reply to each call.
 */
async function afterItsEnd(wire: Wire, end: () => void): Promise<Map<unknown, unknown>> {
  await turn()
  wire.send(
    [...calls.entries()].map(([id, { path, input }]) => ({
      id,
      method: procedures.get(path)?.kind,
      params: { path, input },
    })),
  )
  // The server closes the socket after it has read the frame.
  end()
  const answers = new Map<unknown, unknown>()
  while (answers.size < calls.length) {
    const reply = await wire.next()
    answers.set(reply.id, codeOf(reply) ?? 'OK')
  }
  return answers
}

describe('an accepted socket', () => {
  test.each(Object.keys(ends))('is closed by %s', async (code) => {
    const { token } = await guarded.agent(`is closed by ${code}`, 'tech-lead')
    using wire = await Wire.open(guarded.server.url, { connectionParams: { token } })
    expect(await wire.answers()).toBe(true)
    await ends[code]?.(`is closed by ${code}`)
    expect(await wire.closed).toEqual({ code: 4401, reason: code })
  })

  test.each(Object.keys(ends).flatMap((code) => roles.map((role) => ({ code, role }))))(
    'replies with $code to each call of a $role that arrives before it is closed',
    async ({ code, role }) => {
      // A key has no incarnation.
      if (role === 'admin' && code === 'STALE_INCARNATION') return
      const { token, ids } = await ofRole(role)
      const wall = guarded.server.clock.wall()
      using wire = await Wire.open(guarded.server.url, { connectionParams: { token } })
      await wire.answers()
      const answers = await afterItsEnd(wire, () => endAt(code, ids))
      // The server closes a socket with an expired token at its next check of the sockets.
      if (code === 'TOKEN_EXPIRED') guarded.server.clock.advance(1_000)
      expect(await wire.closed).toEqual({ code: 4401, reason: code })
      guarded.server.clock.setWall(wall)
      decisions += calls.length
      const differs = calls.flatMap(({ path, name }, id) => {
        const told = answers.get(id)
        return told === toldBad(path, code) ? [] : [`${name}: ${told}`]
      })
      expect(differs).toEqual([])
    },
  )
})
