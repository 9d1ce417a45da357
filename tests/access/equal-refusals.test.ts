import { expect, test } from 'vitest'
import { Wire } from '../transports/wire.ts'
import { badStates } from './credentials.ts'
import { ask, Guarded, withoutId } from './given.ts'

const limits = { callerBurst: 1e9, addressBurst: 1e9 }

/** Each caller has an address of its own, because wrong guesses lock an address out. */
const from = (index: number) => ({ 'x-forwarded-for': `198.51.100.${index + 1}` })

async function setUp() {
  const guarded = await Guarded.start({ limits, config: { trustedProxies: ['127.0.0.1/32'] } })
  return { guarded, states: await badStates(guarded) }
}

/** Returns all parts of a reply but its time and its request id. */
function bytesOf({ status, text, headers }: Awaited<ReturnType<typeof ask>>): string {
  const said = [...headers].filter(([name]) => name !== 'date')
  return JSON.stringify([status, said, withoutId(text)])
}

test('every fault of a credential gives the same reply to the byte until its signature is right', async () => {
  const { guarded, states } = await setUp()
  await using _ = guarded
  const bad = states.filter(({ code, authorization }) => code === 'UNAUTHENTICATED' && authorization !== undefined)
  expect(bad.length).toBeGreaterThan(25)
  const answers = new Map<string, string[]>()
  for (const [index, { name, authorization = '' }] of bad.entries()) {
    const headers = { ...from(index), authorization }
    for (const [path, kind] of [
      ['tasks.list', 'query'],
      ['agents.register', 'mutation'],
    ] as const) {
      const answer = `${path} ${bytesOf(await ask(guarded.server, path, undefined, { kind, headers }))}`
      answers.set(answer, [...(answers.get(answer) ?? []), name])
    }
  }
  expect([...answers.values()]).toHaveLength(2)
})

test('every fault of a credential at a socket gives the same close', async () => {
  const { guarded, states } = await setUp()
  await using _ = guarded
  const bad = states.filter(({ code, authorization }) => code === 'UNAUTHENTICATED' && authorization !== undefined)
  const answers = new Set<string>()
  for (const [index, { authorization = '' }] of bad.entries()) {
    using wire = await Wire.open(guarded.server.url, { headers: { ...from(index), authorization } })
    const closed = await wire.closed
    answers.add(JSON.stringify([closed, wire.texts.map(withoutId)]))
  }
  expect([...answers]).toHaveLength(1)
})

test('a caller with a token of this server gets the reason why it is no longer valid', async () => {
  const { guarded, states } = await setUp()
  await using _ = guarded
  const told = new Map<string, string>()
  for (const { code, authorization = '' } of states.filter(({ code }) => code !== 'UNAUTHENTICATED')) {
    const answer = await ask(guarded.server, 'tasks.list', undefined, { headers: { authorization } })
    expect(answer).toMatchObject({ status: 401, code })
    told.set(code, answer.text)
  }
  expect([...told.keys()].toSorted()).toEqual(['STALE_INCARNATION', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'])
})

test('the challenge of a refusal states if a credential was sent, if it has expired, and which scope it lacks', async () => {
  const { guarded, states } = await setUp()
  await using _ = guarded
  const { server } = guarded
  const challengeOf = async (authorization: string | undefined, path = 'tasks.list') => {
    const headers = { ...from(200), ...(authorization !== undefined && { authorization }) }
    const { headers: told } = await ask(server, path, undefined, { headers })
    return told.get('www-authenticate')
  }
  const said = new Map<string, string | null>()
  for (const { code, authorization } of states.filter((state) => state.code !== 'UNAUTHENTICATED'))
    said.set(code, await challengeOf(authorization))
  const realm = 'Bearer realm="tony-mcp"'
  expect(Object.fromEntries(said)).toEqual({
    TOKEN_EXPIRED: `${realm}, error="invalid_token", error_description="expired"`,
    TOKEN_REVOKED: `${realm}, error="invalid_token"`,
    STALE_INCARNATION: `${realm}, error="invalid_token"`,
  })
  expect(await challengeOf(undefined)).toBe(realm)
  expect(await challengeOf('Bearer nothing')).toBe(`${realm}, error="invalid_token"`)
  const { token } = await guarded.agent('developer')
  expect(await challengeOf(`Bearer ${token}`, 'audit.list')).toBe(
    `${realm}, error="insufficient_scope", scope="audit:read"`,
  )
  expect(await challengeOf(`Bearer ${token}`)).toBeNull()
})
