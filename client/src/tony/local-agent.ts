import { Agent } from '../agent/agent.ts'
import { errorTextOf } from '../agent/error-text.ts'
import type { AgentOptions } from '../agent/options.ts'
import { replyToRequest } from '../agent/requests.ts'
import type { Client } from '../api/client.ts'
import { isRecord } from '../api/is-record.ts'
import type { Delivery } from '../generated/api.ts'
import type { MCPRequest, MCPResponse } from './shapes.ts'
import { createWorkCounter, type WorkCounter } from './work-counter.ts'

export interface LocalAgentOptions extends AgentOptions {
  /** Handles a request. An exception becomes the error `HANDLER_FAILED`. */
  readonly onRequest: (request: MCPRequest) => Promise<MCPResponse> | MCPResponse
  /** Handles any other message: acked when the handler returns, redelivered when it throws. */
  readonly onMessage?: (message: Delivery) => unknown
  /** Called for each error outside the two handlers, such as a refused call or a lost session. */
  readonly onError?: (error: unknown) => void
  /**
   * Called when the session has ended for good without `leave` or `stop`: a newer incarnation
   * fenced it, or it was revoked.
   */
  readonly onEnded?: () => void
  /** Number of requests and messages handled at the same time. Default 16. */
  readonly concurrency?: number
  /** Time between health samples, in milliseconds. Default 30 000. */
  readonly healthMs?: number
}

/** An agent of this process that handles requests and reports its work. */
export interface LocalAgent {
  readonly agent: Agent
  /** True if its session has ended. */
  hasEnded(): boolean
  /** Starts the delivery of requests and messages. */
  serve(): void
  /** Reports the work since the last report, at once. */
  report(): Promise<void>
  /**
   * Stops the delivery and waits at most `withinMs` for the running handlers. Resolves with true if
   * they have ended. Handlers that still run are abandoned.
   */
  drain(withinMs: number): Promise<boolean>
  /**
   * Drains and disconnects. The agent stays registered and offline, and its inbox keeps new
   * messages.
   */
  stop(): Promise<void>
  /** Drains, unregisters the agent and disconnects. */
  leave(): Promise<void>
}

const defaultConcurrency = 16
const defaultHealthMs = 30_000
const drainMs = 30_000
const leaveMs = 5_000

/** Returns the request in a message; undefined for a message of another type. */
function toMCPRequest({ type, payload, from, to }: Delivery): IncomingMCPRequest | undefined {
  if (type !== 'request' || !isRecord(payload)) return undefined
  const { requestId, method, params = null } = payload
  if (typeof requestId !== 'string' || typeof method !== 'string') return undefined
  return { id: requestId, method, params, agentId: to, ...(from === null ? {} : { from }) }
}

/** Converts a response to the wire form: a result or an error. */
function toReplyBody({ success, result, error }: MCPResponse) {
  if (error === undefined && success !== false) return { result: result ?? null }
  const { code, message }: Partial<Record<string, unknown>> = isRecord(error) ? error : {}
  return {
    error: {
      code: typeof code === 'string' && code !== '' ? code.slice(0, 100) : 'HANDLER_FAILED',
      message: errorTextOf(typeof message === 'string' ? message : (error ?? 'the request failed'), 4_096),
    },
  }
}

/** Resolves with true if the work ends within the time. */
const finishesWithin = (ms: number, work: Promise<unknown>): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  return Promise.race([promise, work.then(() => true)]).finally(() => clearTimeout(timer))
}

type IncomingMCPRequest = MCPRequest & { readonly id: string }

/**
 * Handles a request and counts it. The message is acked even if the reply is refused, because the
 * request must not be delivered again.
 */
async function answerRequest(
  client: Client,
  workCounter: WorkCounter,
  request: IncomingMCPRequest,
  { onRequest, onError }: LocalAgentOptions,
): Promise<void> {
  const outcome = await workCounter
    .measure(
      async () => toReplyBody(await onRequest(request)),
      (answered) => 'error' in answered,
    )
    .catch((error: unknown) => ({ error: { code: 'HANDLER_FAILED', message: errorTextOf(error, 4_096) } }))
  await replyToRequest(client, request.id, outcome).catch(onError ?? (() => undefined))
}

/** Registers an agent. It receives nothing before `serve`. */
export async function registerLocalAgent(options: LocalAgentOptions): Promise<LocalAgent> {
  const { onRequest: _, onMessage, onEnded, onError = () => undefined, ...registration } = options
  const { concurrency = defaultConcurrency, ...agentOptions } = registration
  const workCounter = createWorkCounter()
  let [over, inbox]: [boolean, { stop(): Promise<void> } | undefined] = [false, undefined]
  const onState: AgentOptions['onState'] = (state, change) => {
    options.onState?.(state, change)
    if (state !== 'closed' || over) return
    over = true
    onEnded?.()
  }
  // The work counter reports the work here, so the heartbeats carry no health sample.
  // An agent with an instance id stays registered when it stops.
  const clientInstanceId = options.clientInstanceId ?? crypto.randomUUID()
  const agent = await Agent.register({ ...agentOptions, clientInstanceId, healthMs: 0, onState })
  const { client } = agent
  const handleMessage = (message: Delivery): unknown => {
    const request = toMCPRequest(message)
    return request ? answerRequest(client, workCounter, request, options) : onMessage?.(message)
  }
  const report = async (): Promise<void> => {
    const sample = workCounter.takeSample()
    if (sample) await client.health.report(sample)
  }
  const reportTimer = setInterval(() => void report().catch(onError), options.healthMs ?? defaultHealthMs)
  reportTimer.unref()
  let drained: Promise<boolean> | undefined
  const drain = (withinMs: number): Promise<boolean> => {
    drained ??= finishesWithin(withinMs, inbox?.stop() ?? Promise.resolve())
    return drained
  }
  const end = async (last: () => Promise<unknown>): Promise<void> => {
    clearInterval(reportTimer)
    const ended = await drain(drainMs)
    if (!over) {
      over = true
      await report().catch(onError)
      await last().catch(onError)
    }
    await finishesWithin(ended ? drainMs : 0, agent.stop())
    client.close()
  }
  const serve = () => {
    inbox ??= agent.onMessage(handleMessage, { concurrency, onError })
  }
  const stop = () => end(() => Promise.resolve())
  const leave = () => end(() => client.agents.unregister({}, { deadlineMs: leaveMs }))
  return { agent, hasEnded: () => over, serve, report, drain, stop, leave }
}
