import type { EventType } from '@tony/mcp-shared/event-words'

/** The fields of an event that its line has. The page has its number and its time. */
export interface LineFields {
  readonly type: string
  readonly subject: string | null
  readonly actor: string | null
  /** The task that the event is about, or that its message refers to. */
  readonly taskId: string | null
  readonly epic: string | null
  readonly threadId: string | null
  /** Ids of the agents that may see the event; null means all. */
  readonly audience: readonly string[] | null
  readonly data: object
  /** Session or key of the caller. Both are null for the developer of dev mode and the server. */
  readonly sessionId: string | null
  readonly credentialId: string | null
  /** Null for an action of the server without a call. */
  readonly requestId: string | null
}

/**
 * The number of this form of lines. Stored pages are never rewritten, so a form never changes. A
 * change of a list in this file is a new form, which is read beside this one.
 */
export const lineForm = 1

/**
 * Frequent types, written by their position in this list. Every other type is written as a word.
 */
const codedTypes: readonly EventType[] = [
  'message.sent',
  'message.acked',
  'message.shown',
  'task.created',
  'task.claimed',
  'task.completed',
  'task.unblocked',
  'task.progressed',
  'task.released',
  'task.updated',
  'agent.offline',
  'agent.online',
]

type ValueSource = 'subject' | 'actor'

/**
 * Frequent forms of data: their keys in order, and for some keys the field of the event that has
 * the same value. Such data is written as an array of its form's position and the other values.
 */
const shapes: readonly Readonly<Record<string, ValueSource | null>>[] = [
  { messageId: 'subject', from: 'actor', to: null, type: null, priority: null },
  { messageId: 'subject', attempt: null },
  { status: null, type: null, title: null, externalId: null },
  { attempt: null, agentId: 'actor', leaseExpiresAt: null },
  { attempt: null, agentId: 'actor' },
]

const codeByType = new Map<string, number>(codedTypes.map((type, code) => [type, code]))
const fieldsByShape = shapes.map((shape) => Object.entries(shape))

/** Returns the position of the shape with these keys; -1 if none has them. */
const shapeNumberOf = (keys: readonly string[]): number =>
  fieldsByShape.findIndex(
    (fields) => fields.length === keys.length && fields.every(([key], index) => key === keys[index]),
  )

/** Numbers that stand for a text. In an audience, 3 is the field `to` of the data. */
const referenceCodes = { null: 0, subject: 1, actor: 2, to: 3 } as const

type EncodedText = string | number

/** The positions of a line. Null texts at its end are left out. */
type Line = readonly [
  type: EncodedText,
  subject: EncodedText,
  actor?: EncodedText,
  requestId?: EncodedText,
  sessionId?: EncodedText,
  data?: object,
  taskId?: EncodedText,
  audience?: readonly EncodedText[] | 0,
  threadId?: EncodedText,
  epic?: EncodedText,
  credentialId?: EncodedText,
]

/** Returns the data as its line has it: an array for a frequent form, else the data itself. */
function packData(data: object, { subject, actor }: Pick<LineFields, ValueSource>): object {
  const number = shapeNumberOf(Object.keys(data))
  if (number === -1) return data
  const packed: unknown[] = [number]
  const values: readonly unknown[] = Object.values(data)
  const fields = fieldsByShape[number] ?? []
  for (let index = 0; index < fields.length; index += 1) {
    const source = fields[index]?.[1]
    const value = values[index]
    if (value === undefined) return data
    if (!source) packed.push(value)
    else if (value !== (source === 'subject' ? subject : actor)) return data
  }
  return packed
}

function unpackData(data: object, { subject, actor }: Pick<LineFields, ValueSource>): object {
  if (!Array.isArray(data)) return data
  const [number, ...values]: readonly unknown[] = data
  const unpacked: Record<string, unknown> = {}
  let next = 0
  for (const [key, source] of fieldsByShape[Number(number)] ?? []) {
    if (source) unpacked[key] = source === 'subject' ? subject : actor
    else {
      unpacked[key] = values[next]
      next += 1
    }
  }
  return unpacked
}

/** Returns the recipient that the data of an event names. */
const recipientOf = (data: object): unknown => ('to' in data ? data.to : undefined)

/** Returns a text, or the number that stands for it if it is null or equals the subject. */
const encodeText = (text: string | null, subject: string | null): EncodedText =>
  text === null ? referenceCodes.null : text === subject ? referenceCodes.subject : text

const encodeReader = (id: string, { subject, actor }: Pick<LineFields, ValueSource>, to: unknown): EncodedText =>
  id === subject ? referenceCodes.subject : id === actor ? referenceCodes.actor : id === to ? referenceCodes.to : id

/** Returns an event as one line of JSON. */
export function formatEventLine(event: LineFields): string {
  const { type, subject, actor, audience, data } = event
  const to = recipientOf(data)
  const line: unknown[] = [
    codeByType.get(type) ?? type,
    subject ?? referenceCodes.null,
    encodeText(actor, subject),
    event.requestId ?? referenceCodes.null,
    event.sessionId ?? referenceCodes.null,
    packData(data, event),
    encodeText(event.taskId, subject),
    audience ? audience.map((id) => encodeReader(id, event, to)) : referenceCodes.null,
    event.threadId ?? referenceCodes.null,
    event.epic ?? referenceCodes.null,
    event.credentialId ?? referenceCodes.null,
  ]
  while (line.at(-1) === referenceCodes.null) line.pop()
  return JSON.stringify(line)
}

/** Reads the event of a line. Throws an error for a line that no form has. */
export function parseEventLine(text: string): LineFields {
  const line: Line = JSON.parse(text)
  const [code, subjectText, actorText, requestId, sessionId, packed = {}, taskId, seenBy, ...rest] = line
  const type = typeof code === 'number' ? codedTypes[code] : code
  if (type === undefined) throw new Error(`an event has the unknown type ${code}`)
  const textOf = (value: EncodedText | undefined): string | null => (typeof value === 'string' ? value : null)
  const subject = textOf(subjectText)
  const orSubject = (value: EncodedText | undefined): string | null =>
    value === referenceCodes.subject ? subject : textOf(value)
  const actor = orSubject(actorText)
  const data = unpackData(packed, { subject, actor })
  const idOf = (value: EncodedText): string => {
    if (typeof value === 'string') return value
    return String(
      value === referenceCodes.subject ? subject : value === referenceCodes.actor ? actor : recipientOf(data),
    )
  }
  const [threadId, epic, credentialId] = rest
  return {
    type,
    subject,
    actor,
    taskId: orSubject(taskId),
    epic: textOf(epic),
    threadId: textOf(threadId),
    audience: seenBy ? seenBy.map(idOf) : null,
    data,
    sessionId: textOf(sessionId),
    credentialId: textOf(credentialId),
    requestId: textOf(requestId),
  }
}

/** A condition on the text of a line, which is tested before the line is parsed. */
export interface LineFilter {
  /** Texts that each event must have as a value: its subject, its actor or another one. */
  readonly texts?: readonly string[]
  readonly types?: readonly EventType[] | undefined
}

/** Tests if a line, or any line of a page, may be of an event that has these texts and types. */
export interface TextTest {
  page(lines: string): boolean
  line(line: string): boolean
}

/**
 * Returns a test that searches a line without parsing it. It accepts every line of a wanted event,
 * and may accept others, because the text may be the value of another field. A value that a line
 * omits, such as an actor that equals the subject, occurs elsewhere in the same line.
 */
export function textTestOf({ texts = [], types }: LineFilter): TextTest {
  const needles = texts.map((text) => JSON.stringify(text))
  const starts = types?.map((type) => `[${codeByType.get(type) ?? JSON.stringify(type)},`)
  const hasTexts = (text: string): boolean => needles.every((needle) => text.includes(needle))
  return {
    page: (lines) =>
      hasTexts(lines) && (!starts || starts.some((start) => lines.startsWith(start) || lines.includes(`\n${start}`))),
    line: (line) => (!starts || starts.some((start) => line.startsWith(start))) && hasTexts(line),
  }
}
