import { createServer } from 'node:http'
import type { TestProject } from 'vitest/node'
import { Cluster } from './postgres-cluster.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path at which a test asks for the PostgreSQL of this run. */
    postgresAt: string
  }
}

/** The variable in which one project of this run finds the address that another one provides. */
const variable = 'TONY_TEST_POSTGRES_AT'

/**
 * Provides one PostgreSQL for all projects of a run. It starts when the first test asks for it. The
 * reply is its address, or empty if there is no PostgreSQL.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const known = process.env[variable]
  if (known !== undefined) {
    project.provide('postgresAt', known)
    return undefined
  }
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
  const url = `http://127.0.0.1:${address.port}`
  process.env[variable] = url
  project.provide('postgresAt', url)
  return async () => {
    delete process.env[variable]
    server.closeAllConnections()
    server.close()
    const cluster = await starting
    await cluster?.[Symbol.asyncDispose]()
  }
}
