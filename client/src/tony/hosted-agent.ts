import { Agent, type AgentOptions } from '../agent/agent.ts'
import { errorTextOf } from '../agent/error-text.ts'
import { replyToRequest } from '../agent/requests.ts'
import type { Client } from '../api/client.ts'
import type { Delivery } from '../generated/api.ts'
import { isRecord } from './conversions.ts'
import { createMeter, type Meter } from './meter.ts'
import type { MCPRequest, MCPResponse } from './shapes.ts'

export interface HostAgentOptions extends AgentOptions {
  /** Answers a request. What it throws is answered as the error `HANDLER_FAILED`. */
  readonly onRequest: (request: MCPRequest) => Promise<MCPResponse> | MCPResponse
  /** Takes other mail: acked when it returns, delivered again when it throws. */
  readonly onMessage?: (message: Delivery) => unknown
  /** Told of what went wrong around the two: a refused call, a lost session. */
  readonly onError?: (error: unknown) => void
  /** The session is over for good, and not by `leave` or `stop`: fenced by a newer incarnation, revoked. */
  readonly onEnded?: () => void
  /** How many requests and messages are handled at a time. Default 16. */
  readonly concurrency?: number
  /** Between health reports, in milliseconds. Default 30 000. */
  readonly healthMs?: number
}

/** An agent of this process that answers requests and reports what it handles. */
export interface HostedAgent {
  readonly agent: Agent
  /** Whether its session has ended. */
  hasEnded(): boolean
  /** From here on requests and mail are taken. */
  serve(): void
  /** Says now what it has handled since the last report. */
  report(): Promise<void>
  /** Takes nothing new and waits for what is handled, at most `refreshTimeoutMs`; says whether it has ended. What has not is given up. */
  drain(withinMs: number): Promise<boolean>
  /** Drains and disconnects. The agent stays, offline, and its mail waits for it. */
  stop(): Promise<void>
  /** The same, and the agent has left the project. */
  leave(): Promise<void>
}

const defaultConcurrency = 16
const defaultHealthMs = 30_000
const drainMs = 30_000
const leaveMs = 5_000

/** The request a message is; undefined for other mail. */
function toMCPRequest({ type, payload, from, to }: Delivery): IncomingMCPRequest | undefined {
  if (type !== 'request' || !isRecord(payload)) return undefined
  const { requestId, method, params = null } = payload
  if (typeof requestId !== 'string' || typeof method !== 'string') return undefined
  return { id: requestId, method, params, agentId: to, ...(from === null ? {} : { from }) }
}

/** What a response is on the wire: a result, or an error. */
function replyOf({ success, result, error }: MCPResponse) {
  if (error === undefined && success !== false) return { result: result ?? null }
  const { code, message }: Partial<Record<string, unknown>> = isRecord(error) ? error : {}
  return {
    error: {
      code: typeof code === 'string' && code !== '' ? code.slice(0, 100) : 'HANDLER_FAILED',
      message: errorTextOf(typeof message === 'string' ? message : (error ?? 'the request failed'), 4_096),
    },
  }
}

/** Whether something has ended within a time. */
const finishesWithin = (ms: number, work: Promise<unknown>): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  return Promise.race([promise, work.then(() => true)]).finally(() => clearTimeout(timer))
}

type IncomingMCPRequest = MCPRequest & { readonly id: string }

/** Answers a request, and counts it. Answered or refused, it is not to come again: the message is acked all the same. */
async function answerRequest(
  client: Client,
  meter: Meter,
  request: IncomingMCPRequest,
  { onRequest, onError }: HostAgentOptions,
): Promise<void> {
  const outcome = await meter
    .measure(
      async () => replyOf(await onRequest(request)),
      (answered) => 'error' in answered,
    )
    .catch((error: unknown) => ({ error: { code: 'HANDLER_FAILED', message: errorTextOf(error, 4_096) } }))
  await replyToRequest(client, request.id, outcome).catch(onError ?? (() => undefined))
}

/** Registers an agent. It takes nothing before `serve`. */
export async function hostAgent(options: HostAgentOptions): Promise<HostedAgent> {
  const { onMessage, onError = () => undefined, concurrency = defaultConcurrency } = options
  const meter = createMeter()
  let [over, inbox]: [boolean, { stop(): Promise<void> } | undefined] = [false, undefined]
  const onState: AgentOptions['onState'] = (state, change) => {
    options.onState?.(state, change)
    if (state !== 'closed' || over) return
    over = true
    options.onEnded?.()
  }
  // What it handles is reported here, and not a second time with its heartbeats.
  const agent = await Agent.register({ ...options, healthMs: 0, onState })
  const { client } = agent
  const handleMessage = (message: Delivery): unknown => {
    const request = toMCPRequest(message)
    return request ? answerRequest(client, meter, request, options) : onMessage?.(message)
  }
  const report = async (): Promise<void> => {
    const sample = meter.takeSample()
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
