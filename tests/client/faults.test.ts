import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, createClient } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { procedures } from '../../client/src/generated/api.ts'
import { selfSigned } from '../support/certificate.ts'
import { freePort } from '../support/free-port.ts'
import { refusal, TestServer } from '../support/server.ts'

/** Starts a web server that has nothing to do with ours. */
async function otherServer() {
  const server = createServer((_, response) => response.writeHead(404).end('<p>nothing here'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Calls over each transport and registers an agent. Returns the messages of the errors. */
async function faultsOf(url: string): Promise<string[]> {
  const socket = createClient({ url, deadlineMs: 3_600_000 })
  const http = createClient({ url, deadlineMs: 3_600_000, calls: 'http' })
  const refusals = await Promise.all([
    refusal(socket.system.info()),
    refusal(http.system.info()),
    refusal(Agent.register({ url, name: 'a', type: 'qa', registerWithinMs: 3_600_000 })),
  ])
  socket.close()
  http.close()
  return refusals.map(({ code, applied, message }) => `${code} ${applied} ${message}`)
}

test('an unknown host is reported at once', async () => {
  for (const message of await faultsOf('http://nowhere.invalid:3456'))
    expect(message).toMatch(
      /^CONNECTION_LOST no the server at http:\/\/nowhere\.invalid:3456 cannot be reached: the (host is unknown|name)/,
    )
})

test('https to a server that speaks http is reported at once', async () => {
  await using server = await TestServer.start()
  for (const message of await faultsOf(server.url.replace('http:', 'https:')))
    expect(message).toContain('does the server speak http:// instead of https://?')
})

test('a server of another kind is reported at once', async () => {
  await using other = await otherServer()
  const [socket, http, agent] = await faultsOf(other.url)
  expect(socket).toContain('the reply has the status 404 and is not from a Tony MCP server, is the URL right?')
  expect(http).toContain('the reply has the status 404 and is not from a Tony MCP server, is the URL right?')
  expect(agent).toContain('the reply has the status 404 and is not from a Tony MCP server, is the URL right?')
})

test('a refused connection is named when the deadline passes, and at once for a caller that does not wait', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const patient = createClient({ url })
  const late = await refusal(patient.system.info({}, { deadlineMs: 300 }))
  expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED', applied: 'no' })
  expect(late.message).toContain('the connection is refused, is the server running?')
  patient.close()
  for (const calls of ['socket', 'http'] as const) {
    const client = createClient({ url, calls, waitsForServer: false, deadlineMs: 3_600_000 })
    expect(await refusal(client.system.info())).toMatchObject({
      code: 'CONNECTION_LOST',
      applied: 'no',
      message: `the server at ${url} cannot be reached: the connection is refused, is the server running?`,
    })
    client.close()
  }
})

test('a path that the server does not have is reported at once', async () => {
  await using server = await TestServer.start()
  for (const message of await faultsOf(`${server.url}/elsewhere`)) expect(message).toContain('is the URL right?')
})

test('a certificate that is not trusted is reported at once, with the setting that trusts it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tony-tls-'))
  const { cert, key } = selfSigned()
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  writeFileSync(tls.certFile, cert)
  writeFileSync(tls.keyFile, key, { mode: 0o600 })
  await using server = await TestServer.start({ config: { tls } })
  for (const message of await faultsOf(server.url))
    expect(message).toMatch(/the certificate is not trusted \(\w+\), name its issuer in NODE_EXTRA_CA_CERTS/)
  rmSync(folder, { recursive: true })
})

test('a server that is older than the client is named, over each transport', async () => {
  await using server = await TestServer.start()
  // The client knows a procedure that no server has yet.
  Object.assign(procedures, { 'tasks.estimate': { kind: 'query', repeat: 'safe' } })
  try {
    for (const calls of ['socket', 'http'] as const) {
      const { tasks } = server.connect({ calls })
      const estimate: unknown = Reflect.get(tasks, 'estimate')
      const error = await refusal(typeof estimate === 'function' ? estimate({}) : Promise.resolve())
      expect([error.code, error.message]).toEqual([
        'NOT_FOUND',
        expect.stringContaining('it is older than this client'),
      ])
    }
  } finally {
    Reflect.deleteProperty(procedures, 'tasks.estimate')
  }
})

test('an option that does not exist is refused by name, with its new name if it has one', async () => {
  const wrong = { url: 'http://127.0.0.1:9', credential: 'x' }
  expect(() => createClient(wrong)).toThrow('createClient has no option "credential": use "token"')
  const misspelled = { name: 'a', type: 'qa', capabilites: [] }
  expect(await refusal(Agent.register(misspelled))).toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('Agent.register has no option "capabilites": it has url, token,'),
  })
})

test('an agent without an instance id is unregistered by stop, so that its name is free and it gets no messages', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  for (let round = 0; round < 2; round += 1) {
    const agent = await Agent.register({ url: server.url, name: 'ada', type: 'implementation' })
    await agent.stop()
  }
  const kept = await Agent.register({ url: server.url, name: 'bob', type: 'qa', clientInstanceId: 'the secret of bob' })
  await kept.stop()
  const { recipients } = await lead.messages.send({ to: '*', type: 'note', payload: 'hello' })
  expect(recipients.map(({ agentId }) => agentId)).toEqual([kept.id])
})
