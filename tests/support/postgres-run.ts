import { createServer } from 'node:http'
import type { TestProject } from 'vitest/node'
import { Cluster } from './postgres-cluster.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test asks for the PostgreSQL of this run. */
    postgresAt: string
  }
}

/**
 * One PostgreSQL for the whole run, started when the first test asks for it: a run that needs none starts none. The answer is
 * its address, or nothing where none can be had.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<Cluster | undefined> | undefined
  const server = createServer((_, response) => {
    starting ??= Cluster.start()
    starting.then(
      (cluster) => response.end(cluster?.url ?? ''),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  project.provide('postgresAt', `http://127.0.0.1:${address.port}`)
  return async () => {
    server.closeAllConnections()
    server.close()
    const cluster = await starting
    await cluster?.[Symbol.asyncDispose]()
  }
}
