/** One agent of the fleet, in its own process. The fleet passes its parameters as JSON. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type Delivery, FinalError, type LeasedTask, TonyError, type WorkContext } from '@tony/mcp-client'
import { History, hashOf } from './history.ts'
import { chance, locksOf, type PaceName, paces, type Troubles, topicOf, troublesOf, workMsOf } from './misbehaviour.ts'

interface AgentParams {
  readonly url: string
  readonly name: string
  readonly instance: string
  readonly seed: string
  readonly folder: string
  /** Number of earlier starts of this agent's process. */
  readonly restarts: number
  readonly fleetSize: number
  readonly pace: PaceName
}

const params: AgentParams = JSON.parse(process.argv[2] ?? '{}')
const { url, name, instance, seed, folder, restarts, fleetSize } = params

const troubles: Troubles = JSON.parse(readFileSync(join(folder, 'troubles.json'), 'utf8'))
const hasTrouble = troublesOf(troubles)
const chaos = troubles.verified.length > 0

const pace = paces[params.pace]
const { leaseMs, heartbeatMs, hangMs } = pace

const history = new History(join(folder, `${name}.${restarts}.jsonl`), name)
const agent = await Agent.register({
  url,
  name,
  type: 'implementation',
  clientInstanceId: instance,
  heartbeatMs,
  registerWithinMs: 60_000,
  deadlineMs: 60_000,
  onCall: history.onCall,
})

/**
 * Time since which this process can receive messages, in milliseconds since 1970. A message sent
 * before has waited for the process and not for the server.
 */
let presentSince = Date.now()

/** Blocks the whole process with its heartbeats, as swapping or a debugger would. */
function hang(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hangMs)
  presentSince = Date.now()
}

/** Requests input, gives up or takes more locks, in a run with `--chaos`. */
async function misbehave(externalId: string, { requestInput, lock }: WorkContext): Promise<void> {
  if (hasTrouble('ask', externalId)) await requestInput({ question: 'go on?', options: ['yes', 'no'] })
  if (hasTrouble('askTimed', externalId)) {
    await requestInput({ question: 'go on at once?', deadlineMs: 1_000, defaultAnswer: 'yes' })
  }
  if (hasTrouble('giveUp', externalId)) throw new FinalError('this cannot be done')
  if (hasTrouble('lock', externalId)) {
    try {
      await lock(locksOf(seed, `${externalId} more`))
    } catch (error) {
      if (!(error instanceof TonyError)) throw error
      history.remark('conflict', { error: error.code })
    }
  }
}

async function work(task: LeasedTask, context: WorkContext): Promise<unknown> {
  history.note('start', { taskId: task.id, attempt: task.attempt })
  const externalId = task.externalId ?? task.id
  await wait(workMsOf(pace, seed, externalId, task.attempt))
  // Trouble comes only in the first attempt. The next one succeeds, so that the plan can be
  // finished.
  if (task.attempt === 1) {
    if (hasTrouble('crash', externalId)) process.kill(process.pid, 'SIGKILL')
    if (hasTrouble('fail', externalId)) throw new Error('the tests do not pass')
    if (hasTrouble('outlive', externalId)) {
      history.remark('outlive', { taskId: task.id, attempt: task.attempt })
      hang()
    }
    await misbehave(externalId, context)
  }
  await reportCompletion(task, externalId)
  return { by: name, attempt: task.attempt }
}

const agentNameOf = (drawn: number): string => `agent-${1 + Math.floor(drawn * fleetSize)}`

/** Reports a completed task to another agent, and sometimes to everyone. */
async function reportCompletion(task: LeasedTask, externalId: string): Promise<void> {
  const drawn = chance(seed, 'to', externalId)
  const to = hasTrouble('topical', externalId) ? `topic:${topicOf(Math.floor(drawn * 100))}` : agentNameOf(drawn)
  const ttl = hasTrouble('shortLived', externalId) ? { ttlMs: 1_000 } : {}
  const payload = { task: externalId, title: task.title, by: name, attempt: task.attempt }
  const priority = drawn < 0.1 ? 'high' : 'normal'
  await agent.client.messages.send({ to, type: 'task-done', payload, taskId: task.id, priority, maxDeliver: 3, ...ttl })
  if (chance(seed, 'everyone', externalId) < 0.004) {
    await agent.client.messages.send({
      to: 'role:developer',
      type: 'announcement',
      payload,
      taskId: task.id,
      maxDeliver: 3,
    })
  }
}

/** Returns the task of a message, by the id it was imported with; empty for other messages. */
const taskOf = ({ type, payload }: Delivery): string =>
  type === 'task-done' && typeof payload === 'object' && payload !== null && 'task' in payload
    ? String(payload.task)
    : ''

function handleMessage(message: Delivery): void {
  const sent = Date.parse(message.sentAt)
  history.note('deliver', {
    messageId: message.id,
    receipt: message.receipt,
    attempt: message.attempt,
    payloadHash: hashOf(message.payload),
    agentId: message.to,
    redrives: message.redrives,
    latencyMs: Date.now() - sent,
    present: message.attempt === 1 && sent > presentSince,
  })
  const externalId = taskOf(message)
  // With `--chaos` an operator redrives dead letters, and a redriven message is accepted.
  if (
    (hasTrouble('poison', externalId) && message.redrives === 0) ||
    (message.attempt === 1 && hasTrouble('nak', externalId))
  )
    throw new Error('not now')
}

const onError = (error: unknown) => history.remark('error', { error: String(error) })
if (chaos) await agent.client.messages.subscribe({ topic: topicOf(Number(name.split('-')[1])) })
agent.onMessage(handleMessage, { ackWaitMs: 10_000, concurrency: 4, onError })
agent.work(work, { leaseMs, onError })
process.send?.('ready')

process.once('SIGTERM', () => {
  void agent.stop().then(() => {
    history.close()
    process.disconnect()
  })
})
