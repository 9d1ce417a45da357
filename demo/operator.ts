/**
 * An operator of a run with `--chaos`, in its own process: answers, verifies, cancels, retries,
 * redrives, adopts and pauses. The parameters are passed as JSON.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, type FeedEvent, TonyError } from '@tony/mcp-client'
import { History } from './history.ts'
import { chance, epicOf, type Troubles, troublesOf } from './misbehaviour.ts'

interface OperatorParams {
  readonly url: string
  readonly name: string
  readonly instance: string
  readonly seed: string
  readonly folder: string
  readonly fleetSize: number
}

const { url, name, instance, seed, folder, fleetSize }: OperatorParams = JSON.parse(process.argv[2] ?? '{}')
const troubles: Troubles = JSON.parse(readFileSync(join(folder, 'troubles.json'), 'utf8'))
const hasTrouble = troublesOf(troubles)
const history = new History(join(folder, `${name}.jsonl`), name)
const operator = await Agent.register({
  url,
  name,
  type: 'tech-lead',
  clientInstanceId: instance,
  heartbeatMs: 5_000,
  registerWithinMs: 60_000,
  deadlineMs: 60_000,
  onCall: history.onCall,
})
const { tasks, messages, agents } = operator.client

let stopping = false

/**
 * Makes a call that actions of others may have made illegal. A refusal is recorded, any other error
 * is thrown.
 */
async function tryCall(action: string, call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof TonyError)) throw error
    history.remark('refused', { what: action, error: String(error) })
  }
}

/** Waits for a time that follows from the seed. */
const waitRandomly = (maxMs: number, ...words: readonly (string | number)[]) => wait(chance(seed, ...words) * maxMs)

/** Tasks that were verified before. The second result of a task is accepted. */
const verifiedBefore = new Set<string>()

async function verify(taskId: string): Promise<void> {
  await waitRandomly(400, 'verify', taskId)
  // The very first result is rejected, so that a small plan meets a rejection too.
  const accept = verifiedBefore.has(taskId) || (verifiedBefore.size > 0 && chance(seed, 'accept', taskId) > 0.25)
  verifiedBefore.add(taskId)
  await tryCall('verify', tasks.verify({ taskId, accept, note: accept ? 'good' : 'once more' }))
}

async function answer({ subject, data }: FeedEvent): Promise<void> {
  if (subject === null || hasDeadline(data)) return
  await waitRandomly(400, 'answer', subject)
  await tryCall('provideInput', tasks.provideInput({ taskId: subject, answer: { go: 'on' } }))
}

/** True for a question with a deadline, which is left to its default answer. */
const hasDeadline = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && 'deadlineAt' in data && data.deadlineAt !== null

async function cancel({ subject, data }: FeedEvent): Promise<void> {
  const externalId = typeof data === 'object' && data !== null && 'externalId' in data ? String(data.externalId) : ''
  if (subject === null || !hasTrouble('cancelled', externalId)) return
  await waitRandomly(5_000, 'cancel', externalId)
  await tryCall('cancel', tasks.cancel({ taskId: subject, reason: 'no longer wanted' }))
}

async function adopt({ subject, data }: FeedEvent): Promise<void> {
  const attempt = typeof data === 'object' && data !== null && 'attempt' in data ? Number(data.attempt) : 0
  if (subject === null || chance(seed, 'adopt', subject) < 0.3) return
  await tryCall('adopt', tasks.adopt({ taskId: subject, attempt }))
}

const handlers: Readonly<Record<string, (event: FeedEvent) => Promise<void>>> = {
  'task.submitted': ({ subject }) => (subject === null ? Promise.resolve() : verify(subject)),
  'task.input_requested': answer,
  'task.created': cancel,
  'task.orphaned': adopt,
}

const feed = operator.client.events.subscribe({
  cursor: 'start',
  types: ['task.submitted', 'task.input_requested', 'task.created', 'task.orphaned'],
})

async function follow(): Promise<void> {
  const running = new Set<Promise<void>>()
  for await (const event of feed) {
    const job = handlers[event.type]?.(event)
    if (!job) continue
    running.add(job)
    void job.finally(() => running.delete(job))
  }
  await Promise.all(running)
}

/** Redrives dead letters and retries failed tasks, again and again. */
async function redriveAndRetry(): Promise<void> {
  while (!stopping) {
    await tryCall('redrive', messages.deadLetters.redrive({ filter: {} }))
    await tryCall('retryMany', tasks.retryMany({ filter: { status: 'failed' } }))
    await wait(1_000)
  }
}

/**
 * Returns the scope of the next pause: usually an agent, sometimes an epic or the whole project.
 */
function scopeOf(round: number): { agent: string } | { epic: string } | { all: true } {
  const drawn = chance(seed, 'pause', round)
  if (drawn > 0.9) return { all: true }
  if (drawn > 0.7) return { epic: epicOf(Math.floor(drawn * 100)) }
  return { agent: `agent-${1 + Math.floor((drawn / 0.7) * fleetSize)}` }
}

async function pauseAndResume(): Promise<void> {
  for (let round = 1; !stopping; round += 1) {
    const scope = scopeOf(round)
    const drains = 'agent' in scope && chance(seed, 'drain', round) < 0.3
    await tryCall('pause', drains ? agents.drain(scope) : agents.pause(scope))
    await waitRandomly(1_000, 'for how long', round)
    await tryCall('resume', agents.resume(scope))
    await waitRandomly(1_500, 'until when', round)
  }
}

process.once('SIGTERM', () => {
  stopping = true
  feed.close()
})
process.send?.('ready')
await Promise.all([follow(), redriveAndRetry(), pauseAndResume()])
await operator.stop()
history.close()
process.disconnect()
