import { main } from '@tony/mcp-server/main'

/** A server in dev mode with the given settings, as its command runs it. SIGTERM ends it. */
const [, , settings = '{}'] = process.argv
Object.assign(process.env, JSON.parse(settings))
await main('dev')
