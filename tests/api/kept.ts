import type { Config } from '@tony/mcp-server/config'
import { TestServer } from '../support/server.ts'
import { rows } from './given.ts'

const forEver: Config['retention'] = {
  events: { ms: 0, maxRows: 0 },
  tasks: { ms: 0, maxRows: 0 },
  messages: { ms: 0, maxRows: 0 },
  health: { ms: 0, maxRows: 0 },
  agents: { ms: 0, maxRows: 0 },
  plans: { ms: 0, maxRows: 0 },
  sessions: { ms: 0, maxRows: 0 },
  denials: { ms: 0, maxRows: 0 },
}

/** Starts a server that keeps all rows except those with the given retention. */
export const keeping = (retention: Partial<Config['retention']>) =>
  TestServer.start({ config: { retention: { ...forEver, ...retention } } })

export const count = (server: TestServer, table: string): number =>
  rows<{ n: number }>(server, `select count(*) as n from ${table}`)[0]?.n ?? Number.NaN
