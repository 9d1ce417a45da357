import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const isEventStream = (response: Response): boolean =>
  (response.headers.get('content-type') ?? '').startsWith('text/event-stream')

/** True if the caller accepts an event stream. A request without `Accept` accepts anything. */
const acceptsEventStream = (accept: string | undefined): boolean =>
  accept === undefined || /text\/event-stream|\*\/\*/.test(accept)

/**
 * Returns the body of a caller that reads JSON: the last message of an event stream, which is the
 * reply, or the replies to all calls of a batch.
 */
function jsonBodyOf(events: string, isBatch: boolean): string {
  const lines = events.split('\n').filter((line) => line.startsWith('data: '))
  const messages = lines.map((line) => line.slice('data: '.length)).filter((data) => data !== '')
  if (!isBatch) return messages.at(-1) ?? '{}'
  return `[${messages.filter((message) => 'id' in JSON.parse(message)).join(',')}]`
}

/** The form of a reply. */
interface ReplyForm {
  /** The header `Accept` of the caller. */
  readonly accept: string | undefined
  readonly isBatch: boolean
}

/**
 * Writes a web `Response` to a response of Node. A caller that does not accept event streams gets
 * one JSON body.
 */
export async function writeWebResponse(
  response: ServerResponse,
  webResponse: Response,
  { accept, isBatch }: ReplyForm,
): Promise<void> {
  const asJson = isEventStream(webResponse) && !acceptsEventStream(accept)
  const headers = new Headers(webResponse.headers)
  if (asJson) headers.set('content-type', 'application/json')
  const text = asJson ? jsonBodyOf(await webResponse.text(), isBatch) : undefined
  if (response.destroyed || response.writableEnded) return
  response.writeHead(webResponse.status, Object.fromEntries(headers))
  if (text !== undefined) response.end(text)
  else if (webResponse.body === null) response.end()
  // A caller may disconnect while it reads; that is no error.
  else await pipeline(Readable.fromWeb(webResponse.body), response).catch(() => undefined)
}
