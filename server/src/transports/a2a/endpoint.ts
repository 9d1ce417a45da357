import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { z } from 'zod'
import type { Connection } from '../../guards/call.ts'
import { checkCaller } from '../../guards/caller.ts'
import { toCoordinationError } from '../../guards/errors.ts'
import { checkWellFormed } from '../../guards/well-formed.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { readBody } from '../http/body.ts'
import { openConnection } from '../http/open-connection.ts'
import { sendJson, setErrorHeaders, type TransportContext } from '../http/responses.ts'
import { A2aCalls } from './calls.ts'
import { a2aVersion } from './card.ts'
import { A2aError, httpStatusOf, throwAsTaskError, toRpcError } from './errors.ts'
import { followTask, waitForTask } from './follow.ts'
import { listTasks } from './list-tasks.ts'
import { cancelTaskParams, getTaskParams, listTasksParams, rpcRequest, sendMessageParams } from './params.ts'
import { acceptMessage } from './send-message.ts'
import { hasEnded, isAtRest, toA2aTask } from './task.ts'

interface Exchange {
  readonly context: TransportContext
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
}

type Method = (calls: A2aCalls, params: unknown) => Promise<unknown>

const methods: Readonly<Record<string, Method>> = {
  SendMessage: async (calls, given) => {
    const params = sendMessageParams.parse(given)
    const started = await acceptMessage(calls, params)
    const { returnImmediately = false, historyLength } = params.configuration ?? {}
    const stored = returnImmediately ? started : await waitForTask(calls, started)
    return { task: toA2aTask(stored, { historyLength }) }
  },
  GetTask: async (calls, given) => {
    const { id, historyLength } = getTaskParams.parse(given)
    return toA2aTask(await calls.call('tasks.get', { taskId: id }).catch(throwAsTaskError), { historyLength })
  },
  ListTasks: (calls, given) => listTasks(calls, listTasksParams.parse(given)),
  CancelTask: async (calls, given) => {
    const { id } = cancelTaskParams.parse(given)
    const { id: taskId } = await calls.call('tasks.get', { taskId: id }).catch(throwAsTaskError)
    await calls.call('tasks.cancel', { taskId }).catch(throwAsTaskError)
    return toA2aTask(await calls.call('tasks.get', { taskId }))
  },
}

type StreamMethod = (calls: A2aCalls, params: unknown) => Promise<AsyncGenerator<unknown>>

/** Methods that reply with a stream of the events of one task. */
const streamMethods: Readonly<Record<string, StreamMethod>> = {
  SendStreamingMessage: async (calls, given) => {
    const { id } = await acceptMessage(calls, sendMessageParams.parse(given))
    return followTask(calls, id, isAtRest)
  },
  SubscribeToTask: async (calls, given) => {
    const { id } = getTaskParams.parse(given)
    const stored = await calls.call('tasks.get', { taskId: id }).catch(throwAsTaskError)
    if (hasEnded(stored)) throw new A2aError('UNSUPPORTED_OPERATION', `task ${id} has ended: use GetTask`)
    // A subscriber waits through questions: others may answer them.
    return followTask(calls, stored.id, hasEnded)
  },
}

/** Methods of A2A that this server does not offer, as its card says. */
const unsupported: Readonly<Record<string, 'PUSH_NOTIFICATION_NOT_SUPPORTED' | 'EXTENDED_AGENT_CARD_NOT_CONFIGURED'>> =
  {
    CreateTaskPushNotificationConfig: 'PUSH_NOTIFICATION_NOT_SUPPORTED',
    GetTaskPushNotificationConfig: 'PUSH_NOTIFICATION_NOT_SUPPORTED',
    ListTaskPushNotificationConfigs: 'PUSH_NOTIFICATION_NOT_SUPPORTED',
    DeleteTaskPushNotificationConfig: 'PUSH_NOTIFICATION_NOT_SUPPORTED',
    GetExtendedAgentCard: 'EXTENDED_AGENT_CARD_NOT_CONFIGURED',
  }

/** Refuses a version that this server does not speak. A request without one is of 0.3. */
function requireVersion({ headers, url = '' }: IncomingMessage): void {
  const inQuery = new URL(url, 'http://localhost').searchParams.get('A2A-Version')
  const version = headers['a2a-version']?.toString() || inQuery || '0.3'
  if (!/^1\.0(\.\d+)?$/.test(version))
    throw new A2aError(
      'VERSION_NOT_SUPPORTED',
      `version ${version.slice(0, 20)} of A2A is not supported: send the header A2A-Version: ${a2aVersion}`,
    )
}

async function openA2aConnection({ context, request }: Exchange): Promise<Connection> {
  const connection = await openConnection(context, request, 'a2a')
  const { identity } = connection
  // A caller with a principal pays for the calls of its request.
  checkCaller({ connection, requestId: uuidv7(), path: 'a2a', cost: identity.ok ? 0 : 1 }, () => {
    if (!identity.ok) throw identity.error
    return identity.principal
  })
  return connection
}

/** Reads the call in a body. Throws PARSE_ERROR or INVALID_REQUEST. */
async function readRpcRequest({ context, request }: Exchange): Promise<z.output<typeof rpcRequest>> {
  const body = await readBody(request, context.services.config.limits.bodyBytes).catch((error: unknown) => {
    const { code, message } = toCoordinationError(error)
    throw code === 'INVALID_INPUT' ? new A2aError('PARSE_ERROR', message) : error
  })
  checkWellFormed(body)
  const { data, error } = rpcRequest.safeParse(body)
  if (error) throw new A2aError('INVALID_REQUEST', 'not a request of JSON-RPC 2.0 with an id, or a batch')
  return data
}

async function sendStream({ response, requestId }: Exchange, id: string | number, events: AsyncGenerator<unknown>) {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  try {
    for await (const result of events) response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`)
  } catch (error) {
    response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, error: toRpcError(error, requestId) })}\n\n`)
  }
  response.end()
}

interface RpcReply {
  readonly id: string | number
  readonly result?: unknown
}

async function handleExchange(exchange: Exchange, withId: (id: string | number) => void): Promise<void> {
  const { request, response } = exchange
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    throw new CoordinationError('METHOD_NOT_ALLOWED', '/a2a takes POST')
  }
  const { id, method, params } = await readRpcRequest(exchange)
  withId(id)
  requireVersion(request)
  const connection = await openA2aConnection(exchange)
  const closed = new AbortController()
  response.once('close', () => closed.abort())
  const calls = new A2aCalls(connection, closed.signal)
  const reason = unsupported[method]
  if (reason) throw new A2aError(reason, `${method} is not offered, as the agent card says`)
  const stream = streamMethods[method]
  if (stream) return sendStream(exchange, id, await stream(calls, params))
  const run = methods[method]
  if (!run) throw new A2aError('METHOD_NOT_FOUND', `no method ${method}`)
  const answer: RpcReply = { id, result: await run(calls, params) }
  sendJson(response, 200, { jsonrpc: '2.0', ...answer })
}

/** Serves A2A 1.0 as JSON-RPC at `/a2a`, over the tasks and inboxes of every other transport. */
export function handleA2a(context: TransportContext, request: IncomingMessage, response: ServerResponse): void {
  const requestId = uuidv7()
  response.setHeader('x-request-id', requestId)
  let callId: string | number | null = null
  const withId = (id: string | number) => {
    callId = id
  }
  handleExchange({ context, request, response, requestId }, withId).catch((error: unknown) => {
    if (response.headersSent || response.destroyed) return void response.end()
    if (!(error instanceof A2aError)) setErrorHeaders(response, error)
    const status = error instanceof CoordinationError && error.code === 'METHOD_NOT_ALLOWED' ? 405 : httpStatusOf(error)
    sendJson(response, status, { jsonrpc: '2.0', id: callId, error: toRpcError(error, requestId) })
  })
}
