import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const isEvents = (answer: Response): boolean =>
  (answer.headers.get('content-type') ?? '').startsWith('text/event-stream')

/** Whether a caller reads a stream of events. One that says nothing of it takes anything. */
const takesEvents = (accept: string | undefined): boolean =>
  accept === undefined || /text\/event-stream|\*\/\*/.test(accept)

/** The last message of a stream of events, which is the answer. */
function lastMessage(events: string): string {
  const lines = events.split('\n').filter((line) => line.startsWith('data: '))
  return lines.at(-1)?.slice('data: '.length) ?? '{}'
}

/** Writes an answer in the form of the web as one of Node's; to a caller that reads no events, as one JSON. */
export async function writeAnswer(
  response: ServerResponse,
  answer: Response,
  accept: string | undefined,
): Promise<void> {
  const asJson = isEvents(answer) && !takesEvents(accept)
  const headers = new Headers(answer.headers)
  if (asJson) headers.set('content-type', 'application/json')
  const text = asJson ? lastMessage(await answer.text()) : undefined
  if (response.destroyed || response.writableEnded) return
  response.writeHead(answer.status, Object.fromEntries(headers))
  if (text !== undefined) response.end(text)
  else if (answer.body === null) response.end()
  // A caller that goes while it reads is no fault of anybody's.
  else await pipeline(Readable.fromWeb(answer.body), response).catch(() => undefined)
}
