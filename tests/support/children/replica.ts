import { main } from '@tony/mcp-server/main'

/** A server in dev mode as its command runs it, with the settings it is given: it ends by SIGTERM. */
const [, , settings = '{}'] = process.argv
Object.assign(process.env, JSON.parse(settings))
await main('dev')
