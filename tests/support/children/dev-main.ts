import { main } from '@tony/mcp-server/main'

/** The server as the command runs it in dev mode. */
await main('dev')
