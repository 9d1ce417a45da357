import { main } from '@tony/mcp-server/main'

/** Runs the server as the command does, with variables given as NAME=VALUE. */
for (const argument of process.argv.slice(2)) {
  const [name = '', value = ''] = argument.split('=', 2)
  process.env[name] = value
}
await main('serve')
