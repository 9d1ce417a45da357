import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { toCoordinationError } from '../../guards/errors.ts'
import type { A2aCalls } from './calls.ts'
import { A2aError, invalidInputError, throwAsTaskError } from './errors.ts'
import type { A2aMessage, A2aPart, SendMessageParams } from './params.ts'
import { contextIdOf, hasEnded, type StoredTask } from './task.ts'

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Returns a context of its own for a message without one. A repeated message gets the same. */
function contextIdOfMessage({ messageId }: A2aMessage): string {
  const hex = hashOf(`context ${messageId}`).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const textOfParts = (parts: readonly A2aPart[]): string =>
  parts
    .flatMap(({ text, url, data }) => {
      if (text !== undefined) return [text]
      if (url !== undefined) return [url]
      return data === undefined ? [] : [JSON.stringify(data)]
    })
    .join('\n\n')

/** Refuses parts that a task cannot carry. */
function requireSupportedParts(parts: readonly A2aPart[]): void {
  if (parts.some(({ raw }) => raw !== undefined))
    throw new A2aError('CONTENT_TYPE_NOT_SUPPORTED', 'a part with raw bytes is not supported: send its url')
  if (parts.some(({ text, url, data }) => text === undefined && url === undefined && data === undefined))
    throw invalidInputError('each part needs one of text, data and url')
}

/** Fields of a task that a message may set in its metadata. */
const metadataFields = z
  .object({
    type: z.string().optional(),
    epic: z.string().optional(),
    priority: z.enum(['critical', 'high', 'normal', 'low']).optional(),
    requires: z.array(z.string()).optional(),
    dependsOn: z.array(z.string()).optional(),
    acceptance: z.enum(['complete', 'verify']).optional(),
  })
  .catch({})

const withoutUndefined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never

/** The longest title that a text gives, in characters. */
const titleLength = 200

/**
 * Creates the task of a message. The key of the call is the id of the message, so that a repeated
 * message has the same task.
 */
function createMessageTask(calls: A2aCalls, { message, metadata, tenant }: SendMessageParams): Promise<StoredTask> {
  const { messageId, parts } = message
  const text = textOfParts(parts)
  const contextId =
    message.contextId === undefined || message.contextId === '' ? contextIdOfMessage(message) : message.contextId
  const isPlain = parts.length === 1 && Object.keys(parts[0] ?? {}).join() === 'text'
  return calls.createTask({
    type: 'a2a',
    ...withoutUndefined(metadataFields.parse({ ...metadata, ...message.metadata })),
    title: text.split('\n', 1)[0]?.slice(0, titleLength) ?? '',
    description: text,
    story: contextId,
    ...(tenant !== undefined && tenant !== '' && { assignedTo: tenant }),
    metadata: { a2a: { messageId, contextId, ...(!isPlain && { parts }) } },
    idempotencyKey: `a2a ${hashOf(messageId).toString('base64url')}`,
  })
}

/** The attempt that a message is for. Its sender has the number from the metadata of the task. */
const attemptField = z.looseObject({ attempt: z.int().min(1).optional() })

function attemptOfMessage({ message, metadata }: SendMessageParams): number | undefined {
  const { data } = attemptField.safeParse({ ...metadata, ...message.metadata })
  if (!data) throw invalidInputError('metadata.attempt is no number of an attempt')
  return data.attempt
}

/** An answer to the question of one attempt. */
interface AttemptAnswer {
  readonly attempt: number
  readonly answer: unknown
  readonly idempotencyKey: string
}

/**
 * Answers the question of one attempt. An answer that comes again has no effect, also after the
 * next question.
 */
async function answerQuestion(calls: A2aCalls, stored: StoredTask, given: AttemptAnswer): Promise<void> {
  try {
    await calls.call('tasks.provideInput', { taskId: stored.id, ...given })
  } catch (thrown) {
    const { code, message } = toCoordinationError(thrown)
    if (code === 'ILLEGAL_TRANSITION') throw new A2aError('UNSUPPORTED_OPERATION', message)
    // The message has answered an earlier question, if that one got this answer.
    const isRepeated = code === 'IDEMPOTENCY_CONFLICT' && isDeepStrictEqual(stored.input?.answer, given.answer)
    if (!isRepeated) throw thrown
  }
}

/** Answers the question of a task, or sends the message to the agent that works on it. */
async function continueTask(calls: A2aCalls, taskId: string, params: SendMessageParams): Promise<void> {
  const stored = await calls.call('tasks.get', { taskId }).catch(throwAsTaskError)
  const { contextId, parts, messageId } = params.message
  if (contextId !== undefined && contextId !== '' && contextId !== contextIdOf(stored))
    throw invalidInputError(`task ${taskId} is of the context ${contextIdOf(stored)}`)
  if (hasEnded(stored)) throw new A2aError('UNSUPPORTED_OPERATION', `task ${taskId} has ended: send a new message`)
  const idempotencyKey = `a2a ${hashOf(messageId).toString('base64url')}`
  const [first] = parts
  const answer = parts.length === 1 && first?.data !== undefined ? first.data : textOfParts(parts)
  const attempt = attemptOfMessage(params) ?? stored.attempt
  if (stored.status === 'input_required' || attempt !== stored.attempt)
    return answerQuestion(calls, stored, { attempt, answer, idempotencyKey })
  const to = stored.claimedBy ?? stored.assignedTo
  if (to === null)
    throw new A2aError('UNSUPPORTED_OPERATION', `no agent has task ${taskId} yet: send the message when it works`)
  await calls.call('messages.send', { to, type: 'note', payload: textOfParts(parts), taskId, idempotencyKey })
}

/** Handles a message and returns its task, as it is afterwards. */
export async function acceptMessage(calls: A2aCalls, params: SendMessageParams): Promise<StoredTask> {
  const { message } = params
  requireSupportedParts(message.parts)
  const { taskId } = message
  if (taskId !== undefined && taskId !== '') {
    await continueTask(calls, taskId, params)
    return calls.call('tasks.get', { taskId })
  }
  const { id } = await createMessageTask(calls, params)
  // A repeated message gets the reply of the first, and the task has changed since.
  return calls.call('tasks.get', { taskId: id })
}
