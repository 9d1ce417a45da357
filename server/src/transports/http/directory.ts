import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Services } from '../../domain/context.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { version } from '../../platform/version.ts'
import { sendError } from './responses.ts'

/** The paths of the server and their contents. */
const paths = {
  '/': 'the dashboard, for a browser; this list, for any other program',
  '/trpc/<procedure>': 'every procedure, as tRPC over HTTP',
  '/ws': 'every procedure and subscription, as tRPC over WebSocket',
  '/api': 'every procedure over plain HTTP with JSON; /openapi.json describes it',
  '/docs': 'the description of /api as a page',
  '/mcp': 'tools for coding agents, as MCP over HTTP',
  '/a2a': 'tasks and messages, as A2A; /.well-known/agent-card.json is its card',
  '/livez, /readyz, /health': 'probes',
  '/metrics': 'metrics for Prometheus',
  '/.well-known/jwks.json': 'the public keys of the access tokens',
} as const

/** Commands that show what happens in the server. */
const commands = {
  'tony-mcp top': 'shows live the work of each agent, and the stuck tasks with their reasons',
  'tony-mcp explain TASK': 'tells why a task is not running',
  'tony-mcp doctor': 'examines the database and its surroundings',
  'tony-mcp mcp install': 'connects the coding agents of this machine',
  'tony-mcp --help': 'lists all commands',
} as const

/** Replies to `GET /` with the paths of the server and the next commands. It names no data. */
export function sendDirectory({ config }: Services, { method }: IncomingMessage, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET')
    return sendError(response, new CoordinationError('METHOD_NOT_ALLOWED', '/ takes GET'), uuidv7())
  }
  const directory = {
    name: 'Tony MCP Server',
    version,
    mode: config.mode,
    paths,
    commands,
    docs: 'docs/ and README.md',
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  // Indented, because people read it in a browser or a terminal.
  response.end(`${JSON.stringify(directory, null, 2)}\n`)
}
