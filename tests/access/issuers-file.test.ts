import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OutsideIssuer } from '../support/issuer.ts'
import { TestServer } from '../support/server.ts'

const file = join(mkdtempSync(join(tmpdir(), 'tony-issuers-')), 'issuers.json')
const rules = [{ when: [{ claim: 'groups', is: 'leads' }], role: 'tech-lead' }]

test.each([
  ['no rules', { rules: [] }, 'rules'],
  ['a rule without a condition', { rules: [{ when: [], role: 'observer' }] }, 'when'],
  [
    'a pattern that matches everything',
    { rules: [{ when: [{ claim: 'sub', is: '*' }], role: 'observer' }] },
    'must not be * alone',
  ],
  ['an algorithm with a shared secret', { algorithms: ['HS256'] }, 'algorithms'],
  ['keys from an unencrypted address', { jwksUri: 'http://issuer.example/keys' }, 'https'],
  ['no address of the keys', { jwksUri: undefined }, 'one of jwksUri'],
  ['the issuer name of this server', { issuer: 'tony-mcp' }, "is the issuer of this server's own tokens"],
  ['an unknown word', { jwks: 'x' }, 'jwks'],
])('an issuers file with %s keeps the server from starting and is named', async (_what, besides, says) => {
  await using issuer = await OutsideIssuer.start()
  const issuersFile = issuer.trust(file, rules, besides)
  await expect(TestServer.start({ mode: 'serve', config: { issuersFile } })).rejects.toThrow(says)
  await expect(TestServer.start({ mode: 'serve', config: { issuersFile } })).rejects.toThrow('MCP_ISSUERS_FILE')
})

test('an issuer of Ed25519 is trusted by either name of the algorithm', async () => {
  for (const named of ['EdDSA', 'Ed25519']) {
    await using issuer = await OutsideIssuer.start('Ed25519')
    const issuersFile = issuer.trust(file, rules, { algorithms: [named] })
    await using server = await TestServer.start({ mode: 'serve', config: { issuersFile } })
    const token = await issuer.token({ sub: 'ada', groups: ['leads'] }, { now: server.clock.wall() })
    expect([named, (await server.connect({ token }).auth.whoami({})).role]).toEqual([named, 'tech-lead'])
  }
})

test('an issuers file that is absent or not JSON is named', async () => {
  const start = (issuersFile: string) => TestServer.start({ mode: 'serve', config: { issuersFile } })
  await expect(start(`${file}.absent`)).rejects.toThrow('MCP_ISSUERS_FILE')
  writeFileSync(file, '{')
  await expect(start(file)).rejects.toThrow('cannot be read as JSON')
})
