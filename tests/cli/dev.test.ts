import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { freePort } from '../support/free-port.ts'
import { TestServer } from '../support/server.ts'

const { tonyWith, remove } = command()
afterAll(remove)

test('dev on the port of a running server names that server and starts none', async () => {
  await using server = await TestServer.start()
  const { port } = new URL(server.url)
  expect(await tonyWith({ MCP_PORT: port })('dev')).toEqual({
    code: 1,
    stdout: '',
    stderr: `a Tony MCP server 0.1.0 already runs at ${server.url}: use it, or set MCP_PORT to another port\n`,
  })
})

test.skipIf(process.platform !== 'linux')('dev on the port of another program names its process', async () => {
  const other = createServer((_, response) => response.end('hello'))
  const port = await freePort()
  other.listen(port, '127.0.0.1')
  await once(other, 'listening')
  const { code, stderr } = await tonyWith({ MCP_PORT: String(port), LOG_LEVEL: 'silent' })('dev')
  other.closeAllConnections()
  other.close()
  expect(code).toBe(1)
  expect(stderr).toContain(`port ${port} is in use`)
  expect(stderr).toContain(`port ${port} is held by process ${process.pid} (`)
})
