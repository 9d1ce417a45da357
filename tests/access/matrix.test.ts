import { procedures } from '@tony/mcp-server/api/pipeline'
import { type Role, roles } from '@tony/mcp-shared/roles'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Wire } from '../surfaces/wire.ts'
import { badStates, type State } from './credentials.ts'
import { expected } from './expected.ts'
import { Guarded } from './given.ts'

let guarded: Guarded
let states: State[]
let calls = 0
const tokens = new Map<Role, string>()

const limits = { callerBurst: 1e9, addressBurst: 1e9, pingMs: 1e9 }

beforeAll(async () => {
  guarded = await Guarded.start({ limits, config: { trustedProxies: ['127.0.0.1/32'], durability: 'process' } })
  for (const role of roles) {
    if (role === 'admin') tokens.set(role, guarded.adminKey)
    else tokens.set(role, (await guarded.agent(`as ${role}`, role)).token)
  }
  states = await badStates(guarded)
})
afterAll(async () => {
  process.stdout.write(`${calls} decisions over ${procedures.size} procedures, none other than expected\n`)
  await guarded[Symbol.asyncDispose]()
})

/** No procedure takes this, so that who is let in changes nothing; who is not is refused before anybody looks at it. */
const unusable = '{"nothing":1}'

/** A different address each time: who guesses at a key would be locked out. */
const headersOf = (authorization: string | undefined): Record<string, string> => {
  calls += 1
  return {
    'content-type': 'application/json',
    'x-forwarded-for': `198.51.${(calls >> 8) & 255}.${calls & 255}`,
    ...(authorization === undefined ? {} : { authorization }),
  }
}

type Body = { error?: { data: { code: string } } }
const codeIn = ({ error }: Body): string => error?.data.code ?? 'OK'

async function overHttp(path: string, authorization: string | undefined): Promise<string> {
  const url = `${guarded.server.url}/trpc/${path}`
  const headers = headersOf(authorization)
  const kind = procedures.get(path)?.kind
  const reply =
    kind === 'mutation'
      ? await fetch(url, { method: 'POST', headers, body: unusable })
      : await fetch(`${url}?input=${encodeURIComponent(unusable)}`, { headers })
  const text = await reply.text()
  const [, sent] = /serialized-error\ndata: (.*)/.exec(text) ?? []
  const body: unknown = sent === undefined ? JSON.parse(text) : { error: JSON.parse(sent) }
  return codeIn(body as Body)
}

/** All procedures of a kind, twenty in a request. */
async function overBatches(authorization: string | undefined): Promise<Map<string, string>> {
  const codes = new Map<string, string>()
  for (const kind of ['query', 'mutation'] as const) {
    const paths = [...procedures].flatMap(([path, form]) => (form.kind === kind ? [path] : []))
    for (let at = 0; at < paths.length; at += 20) {
      const part = paths.slice(at, at + 20)
      const input = `{${part.map((_, index) => `"${index}":${unusable}`).join()}}`
      const url = `${guarded.server.url}/trpc/${part.join()}?batch=1`
      const headers = headersOf(authorization)
      const reply =
        kind === 'mutation'
          ? await fetch(url, { method: 'POST', headers, body: input })
          : await fetch(`${url}&input=${encodeURIComponent(input)}`, { headers })
      const bodies = (await reply.json()) as Body[]
      for (const [index, path] of part.entries()) codes.set(path, codeIn(bodies[index] ?? {}))
      calls += part.length - 1
    }
  }
  return codes
}

const decided = (code: string): string =>
  code === 'FORBIDDEN' ? 'refused' : code === 'INVALID_INPUT' ? 'let in' : code

const expectedOf = (path: string, role: Role): string => {
  const who = expected[path]
  if (who === undefined) throw new Error(`${path} is not in the table of who may call what`)
  return who === 'anyone' || who.includes(role) ? 'let in' : 'refused'
}

test('every procedure is in the table', () => {
  expect([...procedures.keys()].filter((path) => expected[path] === undefined)).toEqual([])
})

describe.each([...roles])('a caller of the role %s', (role) => {
  const bearer = () => `Bearer ${tokens.get(role)}`

  test('is let in where the table says so, over HTTP', async () => {
    for (const path of procedures.keys())
      expect(decided(await overHttp(path, bearer())), path).toBe(expectedOf(path, role))
  })

  test('is let in where the table says so, in an HTTP batch', async () => {
    for (const [path, code] of await overBatches(bearer())) expect(decided(code), path).toBe(expectedOf(path, role))
  })

  test('is let in where the table says so, over a WebSocket', async () => {
    using wire = await Wire.open(guarded.server.url, { hello: { token: tokens.get(role) } })
    for (const [path, { kind }] of procedures) {
      calls += 1
      wire.send(`{"id":${calls},"method":"${kind}","params":{"path":"${path}","input":${unusable}}}`)
      const { error } = await wire.of(calls)
      expect(decided(String(error?.data['code'] ?? 'OK')), path).toBe(expectedOf(path, role))
    }
  })
})

test('who shows a bad credential is let in nowhere but where nobody is asked, and is told the same everywhere', async () => {
  for (const { name, authorization, code } of states) {
    for (const path of procedures.keys()) {
      const wanted = expected[path] === 'anyone' ? 'INVALID_INPUT' : code
      expect(await overHttp(path, authorization), `${path} with ${name}`).toBe(wanted)
    }
    for (const [path, answered] of await overBatches(authorization))
      expect(answered, `${path} in a batch with ${name}`).toBe(expected[path] === 'anyone' ? 'INVALID_INPUT' : code)
  }
})

test('who shows a bad credential at a socket is told why, and the socket is closed', async () => {
  for (const { name, authorization, code } of states) {
    if (authorization === undefined) continue
    using wire = await Wire.open(guarded.server.url, { headers: headersOf(authorization) })
    expect((await wire.of(null)).error?.data['code'], name).toBe(code)
    expect(await wire.closed, name).toEqual({ code: 4401, reason: code })
  }
})

test('a socket that was let in is out when its session is revoked, superseded or over, whatever it calls', async () => {
  const ends: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    TOKEN_REVOKED: (name) => guarded.admin.auth.revoke({ agent: name }),
    STALE_INCARNATION: (name) => guarded.admin.agents.register({ name, type: 'qa', takeOver: true }),
    TOKEN_EXPIRED: async () => guarded.server.clock.advance(606_000),
  }
  for (const [code, end] of Object.entries(ends)) {
    const { token } = await guarded.agent(`ends by ${code}`, 'tech-lead')
    using wire = await Wire.open(guarded.server.url, { hello: { token } })
    expect(await wire.answers()).toBe(true)
    await end(`ends by ${code}`)
    for (const [path, { kind }] of procedures) {
      if (wire.ws.readyState !== wire.ws.OPEN) break
      calls += 1
      wire.send(`{"id":${calls},"method":"${kind}","params":{"path":"${path}","input":${unusable}}}`)
    }
    expect(await wire.closed).toEqual({ code: 4401, reason: code })
    const answers = wire.texts.slice(1).flatMap((text): unknown[] => (text.startsWith('{') ? [JSON.parse(text)] : []))
    const codes = (answers as Body[]).flatMap((answer) => ('error' in answer ? [codeIn(answer)] : []))
    // What asks nobody is still answered until the socket is closed.
    expect(codes.filter((answered) => answered !== code && answered !== 'INVALID_INPUT')).toEqual([])
  }
})
