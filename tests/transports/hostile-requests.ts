import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { clientFrame, upgradeRequest } from './wire.ts'

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const nasty: readonly string[] = [
  '',
  '.',
  '..',
  '...',
  'a.b',
  'null',
  'undefined',
  'Bearer Bearer',
  '%00',
  '\t',
  'tck_',
  'tck_000000000000_0_0',
  'tcr_x',
  '\u00e9\u00ff',
  '=',
  '====.====.====',
  'x'.repeat(8_000),
  'e30.e30.e30',
  '../../etc/passwd',
  "' or 1=1 --",
]

/** Changes, removes or doubles one character of a text. */
const bent = (text: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.nat(Math.max(0, text.length - 1)), fc.constantFrom('', 'A', '_', '.', '0', '%', '=', text.slice(0, 2)))
    .map(([at, odd]) => text.slice(0, at) + odd + text.slice(at + 1))

const algorithms = [
  'none',
  'None',
  'nOnE',
  'HS256',
  'HS512',
  'RS256',
  'ES256',
  'PS256',
  'EdDSA',
  '',
  'dir',
  null,
  1,
  {},
]
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>('at+jwt', 'JWT', 2 ** 53, -1, [], {}, null),
)

/**
 * Makes a token with arbitrary headers and claims. Its signature is empty, guessed or that of
 * another token.
 */
const forged = (token: string): fc.Arbitrary<string> => {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString())
  const change = (part: string, key: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>) =>
    fc.dictionary(key, value, { maxKeys: 3 }).map((changes) => base64({ ...read(part), ...changes }))
  const heads = change(
    header,
    fc.constantFrom('alg', 'typ', 'kid', 'crit', 'jku', 'jwk', 'x5u', 'b64', 'zip', '__proto__'),
    fc.oneof(fc.constantFrom<unknown>(...algorithms), odd),
  )
  const bodies = change(
    claims,
    fc.constantFrom('iss', 'aud', 'sub', 'sid', 'role', 'exp', 'nbf', 'iat', 'project', 'incarnation', 'capabilities'),
    odd,
  )
  return fc.tuple(heads, bodies, fc.nat(3)).map(([head, body, how]) => {
    const text = `${head}.${body}`
    const guess = createHmac('sha256', 'tony-mcp').update(text).digest('base64url')
    return `${text}.${['', guess, signature, 'AAAA'][how]}`
  })
}

/** Makes credentials that were never issued, some of them from issued ones. */
export const tokens = (good: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(...nasty),
    fc.string({ maxLength: 200 }),
    fc.string({ unit: 'binary', maxLength: 50 }),
    ...good.map(bent),
    ...good.filter((token) => token.split('.').length === 3).map(forged),
  )

const bodies = (good: readonly unknown[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom(...good), odd)
        .map(([input, more]) => ({ ...Object(input), more }))
        .map((input) => Buffer.from(JSON.stringify(input))),
    },
    {
      weight: 6,
      arbitrary: fc
        .constantFrom(...good)
        .chain((input) => bent(JSON.stringify(input) ?? '{}'))
        .map((text) => Buffer.from(text)),
    },
    { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 6 }).map((value) => Buffer.from(JSON.stringify(value))) },
    {
      weight: 3,
      arbitrary: fc
        .jsonValue()
        .map((value) => Buffer.from(`{"__proto__":${JSON.stringify(value)},"constructor":{"prototype":{}}}`)),
    },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(
          `{"type":${'['.repeat(3_000)}${']'.repeat(3_000)}}`,
          `{"type":"\\ud800","n":1e400}`,
          `{"type":"a\\u0000b"}`,
          `{"limit":9007199254740993}`,
          `{"limit":${'9'.repeat(5_000)}}`,
          `[${'0,'.repeat(20_000)}0]`,
          `{${Array.from({ length: 12_000 }, (_, index) => `"k${index}":0`).join()}}`,
          `"${'x'.repeat(200_000)}"`,
          `"${'x'.repeat(300_000)}"`,
        )
        .map((text) => Buffer.from(text)),
    },
    { weight: 1, arbitrary: fc.constant(Buffer.from([0x22, 0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x22])) },
  )

export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const types = ['application/json', 'application/json; charset=utf-16', 'text/plain', 'multipart/form-data', '']

/** Makes well-formed HTTP requests to known and unknown procedures. */
export function requests(
  mutations: readonly string[],
  queries: readonly string[],
  good: readonly unknown[],
): fc.Arbitrary<HostileRequest> {
  const posts = fc
    .tuple(fc.constantFrom(...mutations), bodies(good), fc.nat(40), fc.constantFrom(...types))
    .map(([path, body, roll, type]) => ({
      method: roll === 0 ? 'PUT' : 'POST',
      path: roll === 1 ? `/trpc/${path}/%2e%2e` : `/trpc/${path}`,
      headers: { 'content-type': roll === 2 ? type : 'application/json' },
      body,
    }))
  const gets = fc.tuple(fc.constantFrom(...queries), bodies(good)).map(([path, body]) => ({
    method: 'GET',
    path: `/trpc/${path}?input=${encodeURIComponent(body.subarray(0, 4_000).toString('latin1'))}`,
    headers: {},
    body: Buffer.alloc(0),
  }))
  const floods = fc
    .tuple(fc.constantFrom(...queries), fc.integer({ min: 0, max: 40 }), odd)
    .map(([path, count, input]) => ({
      method: 'GET',
      path: `/trpc/${Array(count).fill(path).join()}?batch=1&input=${encodeURIComponent(JSON.stringify({ 0: input, __proto__x: 1 }) ?? '')}`,
      headers: {},
      body: Buffer.alloc(0),
    }))
  return fc.oneof({ weight: 6, arbitrary: posts }, { weight: 3, arbitrary: gets }, { weight: 1, arbitrary: floods })
}

const line = fc.oneof(
  fc.constantFrom(
    'Content-Length: 5\r\nContent-Length: 6',
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Transfer-Encoding: chunked\r\nContent-Length: 3',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: \x0bchunked',
    'Host: a\r\nHost: b',
    'Host:',
    'Authorization: Bearer a\r\nAuthorization: Bearer b',
    'Origin: null',
    'Origin: https://evil.example',
    'Expect: 100-continue',
    'Expect: everything',
    'Connection: Upgrade\r\nUpgrade: h2c',
    'X-Forwarded-For: not, an, address',
    'X-Tony-Project: __proto__',
    ' folded: header',
    'no colon here',
    ': no name',
    'Cookie: a=b',
    `X-Long: ${'x'.repeat(17_000)}`,
    'Trailer: Authorization',
    'Sec-WebSocket-Protocol: a, , b',
  ),
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 100 }))
    .map(([name, value]) => `${name}: ${value}`),
)

/** Makes bytes that begin like an HTTP request. */
export const heads: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'GE T', 'PRI', 'DELETE'),
    fc.constantFrom(
      '/trpc/system.info',
      '/trpc/tasks.list?input={}',
      '/ws',
      '//',
      '*',
      '/%00',
      '/ws?connectionParams=1',
      'http://a/b',
      '/trpc/__proto__',
      '/\u00ff',
    ),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
    fc.array(line, { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([method, path, version, lines, closes]) => {
    const all = [...lines, ...(closes ? ['Connection: close'] : [])]
    return Buffer.from(`${method} ${path} ${version}\r\n${all.map((text) => `${text}\r\n`).join('')}\r\n`, 'latin1')
  })

const flags = fc.record({ masked: fc.boolean(), fin: fc.boolean(), reserved: fc.nat(7) })

/** Makes a correct WebSocket upgrade and frames after it that no library sends. */
export const frames: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(fc.nat(15), fc.uint8Array({ maxLength: 200 }), flags), { minLength: 1, maxLength: 4 })
  .map((all) =>
    Buffer.concat([
      Buffer.from(upgradeRequest()),
      ...all.map(([opcode, payload, how]) => clientFrame(opcode, Buffer.from(payload), how)),
    ]),
  )
