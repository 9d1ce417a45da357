import { readFileSync } from 'node:fs'
import { exampleIds, exampleLease, exampleReceipt } from '@tony/mcp-server/api/rest/operation-text'

export const repliesFile = new URL('../../server/src/api/rest/reply-examples.json', import.meta.url)

/** The recorded replies by procedure. */
export const committedReplies: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(repliesFile, 'utf8'))

interface Recording {
  /** The input that was sent, and the example from which it was made. */
  readonly input: unknown
  readonly example: unknown
  readonly agent: { readonly id: string; readonly name: string }
  /** The time of the server, which stands still in a test. */
  readonly now: number
}

const exampleTime = Date.parse('2026-01-05T09:00:00.000Z')
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

/** Values of fields that are secrets, opaque or different on each machine. */
const byName: Readonly<Record<string, unknown>> = {
  leaseToken: exampleLease.leaseToken,
  receipt: exampleReceipt.receipt,
  token: 'access-token-of-the-agent',
  refreshToken: 'refresh-token-of-the-agent',
  key: 'the-key-with-its-secret',
  secret: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
  keyId: exampleIds.key,
  nextCursor: 'cursor-of-the-next-page',
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  epoch: '5f3a9c21',
  uptimeMs: 3_600_000,
}

/** Collects the pairs of a sent value and the example that it stood for. */
function pairsOf(sent: unknown, shown: unknown): [string, string][] {
  if (typeof sent === 'string' && typeof shown === 'string') return sent === shown ? [] : [[sent, shown]]
  if (typeof sent !== 'object' || typeof shown !== 'object' || sent === null || shown === null) return []
  return Object.entries(sent).flatMap(([name, value]) => pairsOf(value, Reflect.get(shown, name)))
}

/** True for the values of a chart. */
const isSeries = (items: readonly unknown[]): boolean =>
  items.length > 0 && items.every((item) => item === null || typeof item === 'number')

class Recorder {
  readonly #known: Map<string, string>
  readonly #now: number
  #next = 0x100

  constructor({ input, example, agent, now }: Recording) {
    this.#known = new Map([...pairsOf(input, example), [agent.id, exampleIds.agent], [agent.name, 'ada']])
    this.#now = now
  }

  /** Replaces the values of a run by those of the examples, which have three values of a series. */
  replace(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) return (isSeries(value) ? value.slice(-3) : value).map((item) => this.replace(item, name))
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, this.replace(inner, field)]))
    if (typeof value === 'number') return name === 'uptimeMs' ? byName[name] : value
    return typeof value === 'string' ? this.#text(value, name) : value
  }

  #text(value: string, name: string): unknown {
    const known = this.#known.get(value)
    if (known !== undefined) return known
    if (byName[name] !== undefined) return byName[name]
    if (time.test(value)) return new Date(exampleTime + Date.parse(value) - this.#now).toISOString()
    if (uuid.test(value)) return this.#nextId(value)
    if (/^agent-/.test(value)) return 'ada'
    if (/^[0-9a-f]{8}\.\d+$/.test(value)) return value.replace(/^[^.]*/, '5f3a9c21')
    return name === 'path' && value.includes('.backups/') ? '/data/tony-mcp.db.backups/2026-01-05.db' : value
  }

  #nextId(value: string): string {
    this.#next += 1
    const id = `01990a00-0000-7000-8000-${this.#next.toString(16).padStart(12, '0')}`
    this.#known.set(value, id)
    return id
  }
}

/** Returns a reply as an example. The first item of a subscription becomes the text of a stream. */
export function toExample(reply: unknown, isStream: boolean, recording: Recording): unknown {
  const shown = new Recorder(recording).replace(reply)
  if (!isStream) return shown
  const { id, data } = Object(shown)
  // A tracked item is its id and its data; the item of another subscription has more fields.
  const isTracked = Object.keys(Object(shown)).length === 2
  return isTracked ? `id: ${id}\ndata: ${JSON.stringify(data)}\n\n` : `data: ${JSON.stringify(shown)}\n\n`
}
