import { procedures } from '@tony/mcp-server/api/pipeline'
import { type Role, roles } from '@tony/mcp-shared/roles'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Wire } from '../transports/wire.ts'
import { expectedTargets, type Kind, kinds, toldAcrossOf, toldOf, withTargets } from './expected-targets.ts'
import { Guarded, withoutId } from './given.ts'
import { Cast, inputOf } from './targets.ts'
import { Caller, isLetIn, outcomeOf, unusable } from './ways.ts'

const limits = { callerBurst: 1e9, addressBurst: 1e9, pingMs: 1e9 }

let guarded: Guarded
let cast: Cast
let caller: Caller
let decisions = 0

beforeAll(async () => {
  guarded = await Guarded.start({ limits, config: { trustedProxies: ['127.0.0.1/32'], durability: 'process' } })
  await guarded.admin.projects.create({ name: 'elsewhere' })
  cast = new Cast(guarded.server.url, guarded.admin)
  caller = new Caller(guarded.server.url)
})
afterAll(async () => {
  process.stdout.write(`${decisions} decisions over ${withTargets.length} procedures that name a target\n`)
  caller[Symbol.dispose]()
  cast[Symbol.dispose]()
  await guarded[Symbol.asyncDispose]()
})

const ways: Readonly<Record<string, (path: string, token: string, input: unknown) => Promise<string>>> = {
  'over HTTP': (path, token, input) => caller.one(path, `Bearer ${token}`, input),
  'in an HTTP batch': async (path, token, input) => {
    const [, outcome = ''] = await caller.batch(
      [
        { path, input: unusable },
        { path, input },
      ],
      `Bearer ${token}`,
    )
    return outcome
  },
  'over a WebSocket': async (path, token, input) => {
    using wire = await Wire.open(guarded.server.url, { connectionParams: { token } })
    const { kind } = procedures.get(path) ?? { kind: 'query' }
    wire.send({ id: 1, method: kind, params: { path, input } })
    return outcomeOf(path, await wire.of(1))
  },
}

/** Creates a caller, and an input that names its own object, another's or an absent one. */
async function scene(path: string, role: Role, kind: Kind): Promise<{ token: string; input: unknown }> {
  const lead = guarded.admin
  const letIn = isLetIn(path, role)
  const me = role === 'admin' ? undefined : await cast.agent(role)
  // A role without the permission often cannot own such an object. It is refused before the owner
  // is checked, so a tech lead owns the object.
  const owner = kind === 'own' && me && letIn ? me : await cast.agent('tech-lead')
  const input = await inputOf(path, kind, { agent: owner, lead })
  return { token: me?.token ?? guarded.adminKey, input }
}

/** The position of the feed: a refused call appends no event. */
const feed = () =>
  guarded.server.parts.store.read(async ({ db, t }) => {
    const heads = await db.select({ seq: t.projects.seq }).from(t.projects)
    return heads.reduce((total, { seq }) => total + seq, 0)
  })

test('every procedure is in the table', () => {
  expect([...procedures.keys()].filter((path) => expectedTargets[path] === undefined)).toEqual([])
  expect(Object.keys(expectedTargets).filter((path) => !procedures.has(path))).toEqual([])
})

describe.each([...roles])('a caller of the role %s', (role) => {
  test.each(Object.keys(ways))(
    'gets the replies of the table for its own object, another’s and an absent one, %s',
    async (way) => {
      const call = ways[way]
      if (!call) throw new Error(`there is no way ${way}`)
      const differs: string[] = []
      for (const path of withTargets) {
        for (const kind of kinds) {
          const { token, input } = await scene(path, role, kind)
          const before = await feed()
          const told = await call(path, token, input)
          const wanted = isLetIn(path, role) ? toldOf(path, role, kind) : 'FORBIDDEN'
          decisions += 1
          if (told !== wanted) differs.push(`${path} of ${kind}: ${told}, not ${wanted}`)
          else if (told !== 'OK' && (await feed()) !== before) differs.push(`${path} of ${kind}: ${told}, and an event`)
        }
        cast.dismiss()
      }
      expect(differs).toEqual([])
    },
    120_000,
  )
})

/**
 * These procedures append an event of their own: for the new agent, or for a key, which belongs to
 * every admin.
 */
const makes = new Set(['agents.register', 'auth.keys.rotate', 'auth.keys.revoke', 'auth.refresh'])

/** Returns the strings with which an input names its objects. */
const namesIn = (input: unknown): string[] =>
  typeof input === 'string'
    ? [input]
    : typeof input === 'object' && input !== null
      ? Object.values(input).flatMap(namesIn)
      : []

/** Returns a reply without its request id. */
async function wordsOf(path: string, token: string, input: unknown): Promise<string> {
  const text = withoutId(await caller.text(path, `Bearer ${token}`, input))
  return namesIn(input).reduce((words, name) => words.replaceAll(name, 'that'), text)
}

test.each(['tech-lead', 'admin'] as const)(
  'an object of another project is absent for a %s of this one, and is not changed',
  async (role) => {
    const { key } = await guarded.key({ project: 'elsewhere', roleCeiling: 'admin', scopes: ['*'] })
    const lead = guarded.server.connect({ token: key })
    using others = new Cast(guarded.server.url, lead)
    const differs: string[] = []
    let compared = 0
    for (const path of withTargets) {
      const token = role === 'admin' ? guarded.adminKey : (await cast.agent(role)).token
      const input = await inputOf(path, "other's", { agent: await others.agent('tech-lead'), lead })
      const before = await feed()
      const told = await caller.one(path, `Bearer ${token}`, input)
      const wanted = isLetIn(path, role) ? toldAcrossOf(path, role) : 'FORBIDDEN'
      decisions += 1
      if (told !== wanted) differs.push(`${path}: ${told}, not ${wanted}`)
      else if (!makes.has(path) && (await feed()) !== before) differs.push(`${path}: an event`)
      if (told === 'NOT_FOUND' && toldOf(path, role, 'absent') === 'NOT_FOUND') {
        const words = await wordsOf(path, token, input)
        const nothing = await inputOf(path, 'absent', { agent: await others.agent('tech-lead'), lead })
        const ofNothing = await wordsOf(path, token, nothing)
        compared += 1
        if (words !== ofNothing) differs.push(`${path}: ${words}, and of nothing ${ofNothing}`)
      }
      cast.dismiss()
      others.dismiss()
    }
    expect(differs).toEqual([])
    expect(compared).toBeGreaterThan(10)
  },
  120_000,
)
