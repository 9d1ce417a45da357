import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { runBuildStep } from '../scripts/build-step.ts'

/** A step that ends when the test replies to it. */
async function givenStep() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const request = once(server, 'request')
  return {
    argv: ['-e', `fetch('http://127.0.0.1:${port}').then((reply) => { process.exitCode = reply.ok ? 0 : 3 })`],
    /** Ends the step, with an error for another status than 200. */
    end: async (status: number) => {
      const [, response] = await request
      response.writeHead(status, { connection: 'close' }).end()
      server.close()
    },
  }
}

test('a step of the build that takes long is named while it runs', async () => {
  const { argv, end } = await givenStep()
  const reported = Promise.withResolvers<string>()
  const step = runBuildStep({ name: 'the server', argv }, { cwd: '.', report: reported.resolve, silentMs: 1 })
  expect(await reported.promise).toBe('building the server')
  await end(200)
  expect(await step).toBe(0)
})

test('a short step of the build is silent, and its failure is the exit code', async () => {
  const { argv, end } = await givenStep()
  const lines: string[] = []
  const options = { cwd: '.', report: (line: string) => lines.push(line), silentMs: 3_600_000 }
  const step = runBuildStep({ name: 'the server', argv }, options)
  await end(500)
  expect([await step, lines]).toEqual([3, []])
})
