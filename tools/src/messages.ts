import { toSingleLine, toUntrustedText } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { InboxMessage, Message } from './calls.ts'
import type { OutputBudget } from './output-budget.ts'
import { send } from './send.ts'
import type { AgentLabeler } from './task-texts.ts'
import { loadAgentNames } from './task-view.ts'
import { fittingPartOf, type LongText } from './text-part.ts'
import { type AnyTool, tool } from './tool.ts'
import type { MessageRenderer, ShowOptions, ToolSession } from './tool-session.ts'

const messageView = z.object({
  messageId: z.string(),
  from: z.string().describe('verified by the server'),
  type: z.string(),
  taskId: z.string().optional(),
  threadId: z.string().optional(),
  replyTo: z.string().optional(),
  sentAt: z.string(),
  text: z.string(),
})

type ViewableMessage = Pick<
  InboxMessage | Message,
  'id' | 'from' | 'fromIncarnation' | 'type' | 'payload' | 'taskId' | 'threadId' | 'replyTo' | 'sentAt'
>

/** Returns a message in the form a model reads, around its delimited text. */
const toMessageView = (
  { id, from, fromIncarnation, type, taskId, threadId, replyTo, sentAt }: ViewableMessage,
  nameOf: AgentLabeler,
  text: string,
): z.output<typeof messageView> => ({
  messageId: id,
  from: nameOf(from, fromIncarnation),
  type: toSingleLine(type),
  ...(taskId === null ? {} : { taskId }),
  ...(threadId === null ? {} : { threadId: toSingleLine(threadId) }),
  ...(replyTo === null ? {} : { replyTo }),
  sentAt,
  text,
})

const longTextOf = (
  { id, from, fromIncarnation, payload }: ViewableMessage,
  nameOf: AgentLabeler,
  offset = 0,
): LongText => ({
  text: toUntrustedText(payload),
  from: offset,
  source: `message from ${nameOf(from, fromIncarnation)}`,
  rest: (end) => `call inbox with messageId "${id}" and offset ${end}`,
})

/**
 * Returns messages in the form a model reads, in order, as far as the budget reaches. A message
 * that is too long for the rest of it is shown in part, and ends the list.
 */
export async function toMessageViews(
  toolSession: ToolSession,
  messages: readonly ViewableMessage[],
  budget: OutputBudget,
): Promise<z.output<typeof messageView>[]> {
  const nameOf = await loadAgentNames(
    toolSession,
    messages.map(({ from }) => from),
  )
  const views: z.output<typeof messageView>[] = []
  for (const message of messages) {
    const allowance = budget.left - budget.costOf(toMessageView(message, nameOf, ''))
    if (allowance < minPartShare) break
    const part = fittingPartOf(longTextOf(message, nameOf), budget, allowance)
    views.push(toMessageView(message, nameOf, part.shown))
    budget.spend(views.at(-1))
    if (!part.isLast) break
  }
  return views
}

/** A part of a message is shown only if it has this fraction of an output. */
const minPartShare = 0.1

/** An output with at least this fraction left is as good as an empty one. */
const emptyShare = 0.85

/** A renderer, and the pieces of the output that it has made. */
interface PieceRenderer<T> extends MessageRenderer {
  readonly pieces: readonly T[]
}

/** Creates a renderer whose pieces are `toPiece` of a message and of its delimited text. */
function createPieceRenderer<T>(
  toolSession: ToolSession,
  budget: OutputBudget,
  toPiece: (message: InboxMessage, nameOf: AgentLabeler, text: string) => T,
): PieceRenderer<T> {
  const names = new Map<string | null, AgentLabeler>()
  const nameOf: AgentLabeler = (id, incarnation) => names.get(id)?.(id, incarnation) ?? `agent ${id}`
  const pieces: T[] = []
  return {
    pieces,
    get payloadBytes() {
      return pieces.length === 0 && budget.left >= emptyShare ? undefined : budget.payloadBytes
    },
    prepare: async (messages) => {
      const unknown = messages.map(({ from }) => from).filter((from) => !names.has(from))
      if (unknown.length === 0) return
      const loaded = await loadAgentNames(toolSession, unknown)
      for (const id of unknown) names.set(id, loaded)
    },
    show: (message) => {
      const allowance = budget.left - budget.costOf(toPiece(message, nameOf, ''))
      if (allowance < minPartShare / 10) return 'none'
      const part = fittingPartOf(longTextOf(message, nameOf), budget, allowance)
      if (!part.isLast && (pieces.length > 0 || budget.left < emptyShare)) return 'none'
      const piece = toPiece(message, nameOf, part.shown)
      budget.spend(piece)
      pieces.push(piece)
      return part.isLast ? 'whole' : 'part'
    },
  }
}

function toMessageText({ id, type, taskId, mode }: InboxMessage, text: string): string {
  const taskNote = taskId === null ? '' : `, about task ${taskId}`
  const steerNote = mode === 'steer' ? ', to be read before you go on' : ''
  // The type is the sender's own word. It comes last and in quotes, so that it cannot pass for a
  // word of this server.
  return `Message ${id}${steerNote}${taskNote}, of the type ${JSON.stringify(type)}:\n${text}`
}

const replyNote = 'Answer with the tool send, and the id of the message as replyTo.'
const moreNote = 'More messages are waiting: call inbox.'

/**
 * Shows messages as one text to be placed beside other content, as far as the budget reaches; empty
 * if there are none.
 */
export async function renderMessages(
  toolSession: ToolSession,
  options: ShowOptions,
  budget: OutputBudget,
): Promise<string> {
  budget.spend(`${replyNote}\n${moreNote}\n`)
  const renderer = createPieceRenderer(toolSession, budget, (message, _, text) => toMessageText(message, text))
  const more = await toolSession.showMessages(options, renderer)
  const { pieces } = renderer
  // An output that nobody waits for any more shows nothing.
  if (pieces.length === 0 && options.wait?.signal.aborted) return ''
  return [...pieces, ...(pieces.length > 0 ? [replyNote] : []), ...(more ? [moreNote] : [])].join('\n')
}

/** Number of messages shown beside one result. The rest is shown at the next. */
export const maxMessagesShown = 10

const inbox = tool({
  name: 'inbox',
  title: 'Read new messages',
  showsMessages: true,
  description:
    'Shows the messages sent to you that you have not seen, each once. Waits up to waitSeconds for one. With messageId and offset it shows the rest of a long one. Answer with send and replyTo.',
  input: z.strictObject({
    waitSeconds: z.int().min(0).max(43_200).default(0),
    limit: z.int().min(1).max(50).default(10),
    messageId: z.string().optional(),
    offset: z.int().min(0).default(0),
  }),
  output: z.object({ messages: z.array(messageView), next: z.string() }),
  run: async (toolSession, { waitSeconds, limit, messageId, offset }, { signal, budget }) => {
    budget.spend('x'.repeat(300))
    if (messageId !== undefined) return readOneMessage(toolSession, { messageId, offset, budget })
    const waitMs = Math.min(waitSeconds * 1_000, toolSession.maxWaitMs)
    const renderer = createPieceRenderer(toolSession, budget, toMessageView)
    const more = await toolSession.showMessages({ upTo: 'digest', limit, wait: { waitMs, signal } }, renderer)
    const note = more ? 'There may be more: call inbox again.' : 'Nothing more is waiting.'
    return {
      messages: [...renderer.pieces],
      next: renderer.pieces.length === 0 && !more ? 'No new messages.' : `Act on what concerns you. ${note}`,
    }
  },
})

interface ReadOptions {
  readonly messageId: string
  readonly offset: number
  readonly budget: OutputBudget
}

/** Shows one message from a position on. */
async function readOneMessage(toolSession: ToolSession, { messageId, offset, budget }: ReadOptions) {
  const message = await toolSession.call('messages.get', { messageId })
  const nameOf = await loadAgentNames(toolSession, [message.from])
  const allowance = budget.left - budget.costOf(toMessageView(message, nameOf, ''))
  const part = fittingPartOf(longTextOf(message, nameOf, offset), budget, allowance)
  const view = toMessageView(message, nameOf, part.shown)
  budget.spend(view)
  await toolSession.recordRead(messageId, part.isLast)
  const rest = `Call inbox again with this messageId and offset ${part.end}.`
  return { messages: [view], next: part.isLast ? 'This is the end of the message.' : rest }
}

export const messageTools: readonly AnyTool[] = [send, inbox]
