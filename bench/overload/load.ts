/**
 * The load of the overload bench: one agent on each of many sockets, which create tasks. The client
 * library would hold calls back when it is refused.
 */
import { createClient } from '@tony/mcp-client'
import { serveJobs } from '../child.ts'
import { percentile } from '../statistics.ts'
import { FrameSocket } from './frame-socket.ts'

/** A phase of load. */
export interface LoadJob {
  readonly seconds: number
  /** Calls per second. Without it each socket keeps `inFlight` calls open. */
  readonly perSecond?: number
  /** Calls that a socket has open at the same time, at most. */
  readonly inFlight: number
}

/** The result of a phase, in calls and milliseconds. */
export interface LoadResult {
  readonly seconds: number
  readonly sent: number
  readonly succeeded: number
  /** With the calls that were answered after the end of the phase. */
  readonly succeededInAll: number
  readonly refused: number
  /** Refusals without a time for the next attempt. */
  readonly refusedWithoutTime: number
  /** Errors other than OVERLOADED, by code. */
  readonly others: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly refusalP99Ms: number
  /** The CPU time of this process, in seconds per second. */
  readonly cores: number
}

const [url = '', sockets = '100'] = process.argv.slice(2)

/** Interval in milliseconds at which the number of due calls is computed. */
const tickMs = 2

class Socket {
  readonly #frames: FrameSocket
  readonly #startedAt = new Map<number, number>()
  #nextId = 1
  onReply: (text: string, startedAt: number) => void = () => undefined

  private constructor(frames: FrameSocket) {
    this.#frames = frames
    frames.onText = (text) => this.#receive(text)
  }

  static async open(token: string): Promise<Socket> {
    return new Socket(await FrameSocket.open(`${url}/ws`, token))
  }

  get inFlight(): number {
    return this.#startedAt.size
  }

  call(): void {
    const id = this.#nextId++
    this.#startedAt.set(id, performance.now())
    this.#frames.send(
      `{"id":${id},"method":"mutation","params":{"path":"tasks.create","input":{"type":"load","title":"a task of the load"}}}`,
    )
  }

  #receive(text: string): void {
    if (text === 'PING') return this.#frames.send('PONG')
    const id = Number.parseInt(text.slice('{"id":'.length), 10)
    const startedAt = this.#startedAt.get(id)
    if (startedAt === undefined) return
    this.#startedAt.delete(id)
    this.onReply(text, startedAt)
  }
}

async function openSockets(count: number): Promise<readonly Socket[]> {
  const lead = createClient({ url, deadlineMs: 120_000 })
  const open = async (index: number) => {
    const { token } = await lead.agents.register({ name: `load ${index}`, type: 'planning', role: 'tech-lead' })
    return Socket.open(token)
  }
  const opened = await Promise.all(Array.from({ length: count }, (_, index) => open(index)))
  lead.close()
  return opened
}

const isError = /^\{"id":\d+,"error":/

const ready = openSockets(Number(sockets))

const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)

class Counts {
  sent = 0
  refusedWithoutTime = 0
  readonly others: Record<string, number> = {}
  readonly successes: number[] = []
  readonly refusals: number[] = []

  record(text: string, startedAt: number): void {
    const elapsedMs = performance.now() - startedAt
    const code = isError.test(text) ? (/"code":"([A-Z_]+)"/.exec(text)?.[1] ?? 'UNKNOWN') : undefined
    if (code === undefined) this.successes.push(elapsedMs)
    else if (code === 'OVERLOADED') {
      this.refusals.push(elapsedMs)
      if (!/"retryAfterMs":\d/.test(text)) this.refusedWithoutTime += 1
    } else this.others[code] = (this.others[code] ?? 0) + 1
  }

  readonly #cpu = process.cpuUsage()

  result(seconds: number): LoadResult {
    const { user, system } = process.cpuUsage(this.#cpu)
    const [successes, refusals] = [sorted(this.successes), sorted(this.refusals)]
    const { sent, refusedWithoutTime, others } = this
    return {
      seconds,
      sent,
      succeeded: successes.length,
      succeededInAll: successes.length,
      refused: refusals.length,
      refusedWithoutTime,
      others,
      p50Ms: percentile(successes, 0.5),
      p99Ms: percentile(successes, 0.99),
      refusalP99Ms: percentile(refusals, 0.99),
      cores: (user + system) / 1e6 / seconds,
    }
  }
}

async function run({ seconds, perSecond, inFlight }: LoadJob): Promise<LoadResult> {
  const all = await ready
  const counts = new Counts()
  const start = performance.now()
  const elapsed = () => (performance.now() - start) / 1_000
  for (const socket of all) socket.onReply = (text, startedAt) => counts.record(text, startedAt)
  let next = 0
  /** Sends one call on the next socket that may have another. Returns false if none may. */
  const sendOne = (): boolean => {
    for (let tried = 0; tried < all.length; tried += 1) {
      const socket = all[next++ % all.length]
      if (!socket || socket.inFlight >= inFlight) continue
      socket.call()
      counts.sent += 1
      return true
    }
    return false
  }
  let offered = 0
  while (elapsed() < seconds) {
    // A due call without a free socket is dropped.
    const due = perSecond === undefined ? Number.POSITIVE_INFINITY : perSecond * elapsed()
    while (offered < due && sendOne()) offered += 1
    if (due < Number.POSITIVE_INFINITY) offered = Math.max(offered, due)
    await new Promise((resolve) => setTimeout(resolve, tickMs))
  }
  const result = counts.result(elapsed())
  while (all.some((socket) => socket.inFlight > 0)) await new Promise((resolve) => setTimeout(resolve, 20))
  return { ...result, succeededInAll: counts.successes.length }
}

serveJobs(run)
