import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { expect, test } from 'vitest'
import { selfSigned } from '../support/certificate.ts'
import { TestServer, type TestServerOptions } from '../support/server.ts'
import { codeOf, upgradeRequest, Wire } from './wire.ts'

/** Opens a connection whose client never closes its half. */
async function halfOpen(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

const started = (options: TestServerOptions = {}) => TestServer.start({ clock: systemClock, ...options })

async function stopMs(server: TestServer): Promise<number> {
  const start = performance.now()
  await server[Symbol.asyncDispose]()
  return performance.now() - start
}

test('a shutdown does not wait for a socket before its authentication, and sends it the reason', async () => {
  const server = await started()
  using wire = await Wire.open(server.url, { announced: true })
  expect(await stopMs(server)).toBeLessThan(1_000)
  expect(await wire.closed).toEqual({ code: 1012, reason: 'SHUTTING_DOWN' })
  expect(codeOf(await wire.next())).toBe('SHUTTING_DOWN')
})

test.each([
  ['a refused upgrade', upgradeRequest({}, '/elsewhere')],
  ['an invalid handshake', upgradeRequest({ 'Sec-WebSocket-Key': 'short' })],
  ['bytes that are not HTTP', 'no HTTP\r\n\r\n'],
])('a shutdown does not wait for the client of %s that keeps its half open', async (_, bytes) => {
  const server = await started()
  const socket = await halfOpen(server.url)
  socket.write(bytes)
  await once(socket, 'data')
  expect(await stopMs(server)).toBeLessThan(1_000)
  socket.destroy()
})

test('the client of a refused upgrade that keeps its half open is cut off within seconds', async () => {
  await using server = await started()
  const socket = await halfOpen(server.url)
  socket.write(upgradeRequest({}, '/elsewhere'))
  await once(socket, 'data')
  // The server has closed its half once it answers a write with a reset.
  const gone = new Promise((resolve) => socket.once('close', resolve))
  const writing = setInterval(() => socket.write('x'), 100)
  await gone
  clearInterval(writing)
})

test('a shutdown does not wait for a connection that never began its TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tony-tls-'))
  const { cert, key } = selfSigned('late')
  const tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
  writeFileSync(tls.certFile, cert)
  writeFileSync(tls.keyFile, key)
  const server = await started({ config: { tls } })
  const socket = await halfOpen(server.url.replace('https', 'http'))
  expect(await stopMs(server)).toBeLessThan(4_000)
  socket.destroy()
  rmSync(folder, { recursive: true })
})
