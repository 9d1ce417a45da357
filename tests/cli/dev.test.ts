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

test.skipIf(process.platform === 'win32')('dev gives itself a larger young generation unless one is set', async () => {
  await using server = await TestServer.start()
  const startsWith = async (...options: string[]) => {
    // Each process writes its id and its options first.
    const writeOptions = '--import=data:text/javascript,console.error(process.pid,process.execArgv.join())'
    const NODE_OPTIONS = [writeOptions, ...options].join(' ')
    const { stderr } = await tonyWith({ MCP_PORT: new URL(server.url).port, NODE_OPTIONS })('dev')
    return [...stderr.matchAll(/^(\d+) (.*)$/gm)].map(([, pid, execArgv]) => ({ pid, execArgv }))
  }
  const [first, second, ...others] = await startsWith()
  expect(first?.execArgv).toBe('')
  expect(second).toEqual({ pid: first?.pid, execArgv: '--max-semi-space-size=32' })
  expect(others).toEqual([])
  expect(await startsWith('--max-semi-space-size=8')).toHaveLength(1)
  expect(await startsWith('--max_semi_space_size=8')).toHaveLength(1)
})
