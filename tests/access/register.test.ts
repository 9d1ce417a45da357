import { expect, test } from 'vitest'
import { refusal } from '../support/server.ts'
import { ask, Guarded, withoutId } from './given.ts'

const secret = 'a secret of the client’s'

test('an enrolment token registers as many agents as it has uses, up to its role ceiling', async () => {
  await using guarded = await Guarded.start()
  const { key, keyId } = await guarded.key({ maxUses: 2, roleCeiling: 'developer' })
  expect(await refusal(guarded.register(key, { role: 'tech-lead' }))).toMatchObject({ code: 'FORBIDDEN' })
  expect(await guarded.register(key, { name: 'a', role: 'tester' })).toMatchObject({ role: 'tester', incarnation: 1 })
  expect(await guarded.register(key, { name: 'b' })).toMatchObject({ role: 'developer', expiresInMs: 600_000 })
  expect(await refusal(guarded.register(key, { name: 'c' }))).toMatchObject({ code: 'UNAUTHENTICATED' })
  const { keys } = await guarded.admin.auth.keys.list({})
  expect(keys.find((candidate) => candidate.keyId === keyId)).toMatchObject({ uses: 2, maxUses: 2 })
  expect((await guarded.admin.agents.list({})).agents.map(({ name }) => name)).toEqual(['a', 'b'])
})

test('a spent and an expired enrolment token are refused with the same text', async () => {
  await using guarded = await Guarded.start()
  const [spent, expired] = [await guarded.key({ maxUses: 1 }), await guarded.key({ lifeMs: 60_000 })]
  await guarded.register(spent.key)
  await guarded.server.advance(60_000)
  const input = { name: 'another', type: 'implementation' }
  const answers = await Promise.all(
    [spent, expired].map(({ key }) => ask(guarded.server, 'agents.register', key, { kind: 'mutation', input })),
  )
  expect(answers.map(({ status }) => status)).toEqual([401, 401])
  expect(withoutId(answers[0]?.text ?? '')).toBe(withoutId(answers[1]?.text ?? '-'))
})

test('as many concurrent uses of an enrolment token succeed as it has uses', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ maxUses: 3 })
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      ask(guarded.server, 'agents.register', key, { kind: 'mutation', input: { name: `a${index}`, type: 'qa' } }),
    ),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
})

test('a repeated registration of an agent takes no further use of its token, so a lost reply locks no agent out', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ maxUses: 1 })
  const who = { name: 'worker', clientInstanceId: secret }
  const first = await guarded.register(key, who)
  expect(await guarded.register(key, who)).toMatchObject({ agentId: first.agentId, incarnation: 2 })
})

test('the instance id of an agent counts only with the key of its registration', async () => {
  await using guarded = await Guarded.start()
  const [own, other] = [await guarded.key(), await guarded.key()]
  const who = { name: 'worker', clientInstanceId: secret }
  const first = await guarded.register(own.key, who)
  expect(await refusal(guarded.register(other.key, who))).toMatchObject({ code: 'AGENT_NAME_TAKEN' })
  const again = await guarded.register(other.key, { name: 'worker', refreshToken: first.refreshToken })
  expect(again).toMatchObject({ agentId: first.agentId, incarnation: 2 })
})

test('an enrolment token takes over no name, with any ceiling', async () => {
  await using guarded = await Guarded.start()
  const { key } = await guarded.key({ roleCeiling: 'tech-lead' })
  await guarded.agent('worker')
  const refused = await refusal(guarded.register(key, { name: 'worker', takeOver: true }))
  expect(refused).toMatchObject({ code: 'AGENT_NAME_TAKEN' })
  const lead = await guarded.key({ roleCeiling: 'tech-lead', scopes: ['*'] })
  expect(await guarded.register(lead.key, { name: 'worker', takeOver: true })).toMatchObject({ incarnation: 2 })
})

test('each registration is a session of its own and ends the earlier ones', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const { key } = await guarded.key()
  const who = { name: 'worker', clientInstanceId: secret }
  const first = await guarded.register(key, who)
  const sessionOf = async (token: string) => (await server.connect({ token }).auth.whoami()).sessionId
  const firstId = await sessionOf(first.token)
  const second = await guarded.register(key, who)
  const secondId = await sessionOf(second.token)
  expect(secondId).not.toBe(firstId)
  expect(second.refreshToken).not.toBe(first.refreshToken)
  const { sessions } = await guarded.admin.auth.sessions.list({ agent: 'worker', all: true })
  expect(sessions.map(({ sessionId, revokedAt }) => [sessionId, revokedAt !== null])).toEqual([
    [secondId, false],
    [firstId, true],
  ])
  const chosen = { ...who, sessionId: firstId }
  expect(await ask(server, 'agents.register', key, { kind: 'mutation', input: chosen })).toMatchObject({ status: 400 })
})
