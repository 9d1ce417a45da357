import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { describeRest } from '../../../api/rest/openapi.ts'
import { uuidv7 } from '../../../platform/uuid.ts'
import { sendError } from '../responses.ts'

let descriptionText: string | undefined

/** Sends the description of REST as OpenAPI 3.1 (`/openapi.json`). It needs no credential. */
export function sendRestDescription({ method }: IncomingMessage, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET')
    return sendError(response, new CoordinationError('METHOD_NOT_ALLOWED', '/openapi.json takes GET'), uuidv7())
  }
  descriptionText ??= JSON.stringify(describeRest())
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(descriptionText)
}
