import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const isEventStream = (response: Response): boolean =>
  (response.headers.get('content-type') ?? '').startsWith('text/event-stream')

/** Whether a caller reads a stream of events. One that says nothing of it takes anything. */
const acceptsEventStream = (accept: string | undefined): boolean =>
  accept === undefined || /text\/event-stream|\*\/\*/.test(accept)

/** The last message of a stream of events, which is the answer. */
function lastMessage(events: string): string {
  const lines = events.split('\n').filter((line) => line.startsWith('data: '))
  return lines.at(-1)?.slice('data: '.length) ?? '{}'
}

/** Writes an answer in the form of the web as one of Node's; to a caller that reads no events, as one JSON. */
export async function writeWebResponse(
  response: ServerResponse,
  webResponse: Response,
  accept: string | undefined,
): Promise<void> {
  const asJson = isEventStream(webResponse) && !acceptsEventStream(accept)
  const headers = new Headers(webResponse.headers)
  if (asJson) headers.set('content-type', 'application/json')
  const text = asJson ? lastMessage(await webResponse.text()) : undefined
  if (response.destroyed || response.writableEnded) return
  response.writeHead(webResponse.status, Object.fromEntries(headers))
  if (text !== undefined) response.end(text)
  else if (webResponse.body === null) response.end()
  // A caller that goes while it reads is no fault of anybody's.
  else await pipeline(Readable.fromWeb(webResponse.body), response).catch(() => undefined)
}
