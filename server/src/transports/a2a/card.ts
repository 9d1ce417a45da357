import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Config } from '../../config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { version } from '../../platform/version.ts'
import { sendError, sendJson } from '../http/responses.ts'
import { matchesTag } from '../http/rest/output.ts'

/** Seconds for which others may keep the card. It changes with the version of the server. */
const maxAgeSeconds = 300

/** The version of the protocol that this server implements. */
export const a2aVersion = '1.0'

/** Returns the address that the caller has used, so that a card read through a proxy leads back. */
const originOf = ({ tls, host, port }: Config, { headers }: IncomingMessage): string =>
  `${tls ? 'https' : 'http'}://${headers.host ?? `${host}:${port}`}`

/**
 * Returns the card of the fleet. It is public, so it names no agent and no data. A caller names an
 * agent by its own `tenant`.
 */
const cardOf = (config: Config, request: IncomingMessage) => ({
  name: 'Tony MCP fleet',
  description: 'A fleet of coding agents. A message becomes a task, which an agent claims and completes.',
  version,
  supportedInterfaces: [
    { url: `${originOf(config, request)}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: a2aVersion },
  ],
  capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false },
  ...(config.mode === 'serve' && {
    securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: 'Bearer' } } },
    securityRequirements: [{ schemes: { bearer: { list: [] } } }],
  }),
  defaultInputModes: ['text/plain', 'application/json'],
  defaultOutputModes: ['text/plain', 'application/json'],
  skills: [
    {
      id: 'task',
      name: 'Work on a task',
      description: 'An agent of the fleet does the work that the message describes, and returns its result.',
      tags: ['task', 'coding'],
      examples: ['Add the login page'],
    },
  ],
})

/** Sends the agent card (`/.well-known/agent-card.json`). It needs no credential. */
export function sendAgentCard(config: Config, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' || request.method === 'HEAD') {
    const card = cardOf(config, request)
    const etag = `"${createHash('sha256').update(JSON.stringify(card)).digest('base64url')}"`
    response.setHeader('cache-control', `public, max-age=${maxAgeSeconds}`)
    response.setHeader('etag', etag)
    if (!matchesTag(request.headers['if-none-match'], etag)) return sendJson(response, 200, card)
    response.writeHead(304).end()
    return
  }
  response.setHeader('allow', 'GET')
  sendError(response, new CoordinationError('METHOD_NOT_ALLOWED', 'the agent card takes GET'), uuidv7())
}
