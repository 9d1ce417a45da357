import { randomBytes, timingSafeEqual } from 'node:crypto'
import { globSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DeliveryMode, deliveryModes } from '@tony/mcp-shared/messages'
import { z } from 'zod'
import type { WaitResult, WaitTarget } from '../session/poll.ts'
import { isAlive, startTimeOf } from '../session/slots.ts'
import type { HookContentSource } from './hook-content.ts'

/** What a bridge writes down for the hooks of its host; only this user reads it. */
const hookSocketSchema = z.object({
  /** The bridge. */
  pid: z.int(),
  /** The process that started it, and when that began. */
  host: z.int(),
  began: z.string(),
  /** What the host calls its session, where it says so. */
  session: z.string().nullable(),
  socket: z.string(),
  /** Shows that who knocks has read this file. */
  secret: z.string(),
})
export type HookSocketInfo = z.output<typeof hookSocketSchema>

/** The doors of the bridges that live, the newest first. What those that were killed have left is removed. */
export function listHookSockets(stateDir: string): HookSocketInfo[] {
  const doors = globSync('door-*.json', { cwd: stateDir }).flatMap((name) => {
    const path = join(stateDir, name)
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (since === undefined) return []
    const door = hookSocketSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    if (door.data && isAlive(door.data.pid)) return [{ door: door.data, since }]
    rmSync(path, { force: true })
    if (door.data && process.platform !== 'win32') rmSync(door.data.socket, { force: true })
    return []
  })
  return doors.sort((one, other) => other.since - one.since).map(({ door }) => door)
}

/** A socket of the system has a short name, whatever the folder of this user is called. */
function socketPathOf(stateDir: string, id: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tony-mcp-${id}`
  const inState = join(stateDir, `${id}.sock`)
  return inState.length < 100 ? inState : join(tmpdir(), `tony-mcp-${id}.sock`)
}

const hookRequestSchema = z.object({
  secret: z.string(),
  /** What is to be shown now: messages of a mode at least as urgent. */
  show: z.enum(deliveryModes).optional(),
  wait: z.object({ for: z.enum(['task', 'message']), type: z.string().max(200).optional() }).optional(),
})

function isSameSecret(candidate: string, secret: string): boolean {
  const [one, other] = [Buffer.from(candidate), Buffer.from(secret)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** What was asked; undefined for who has not read the file of the door. */
function parseHookRequest(line: string, secret: string): z.output<typeof hookRequestSchema> | undefined {
  try {
    const { data } = hookRequestSchema.safeParse(JSON.parse(line))
    return data && isSameSecret(data.secret, secret) ? data : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Answers one knock: the question comes in one line, then the answer goes out. */
function handleHookRequest(socket: Socket, secret: string, options: HookSocketServerOptions): void {
  const { wait } = options
  let received = ''
  const disconnected = new AbortController()
  socket.setEncoding('utf8')
  socket.on('close', () => disconnected.abort())
  // One that has gone can not be written to any more.
  socket.on('error', () => socket.destroy())
  socket.on('data', (data: string) => {
    received += data
    if (received.length <= 1_000 && !received.endsWith('\n')) return
    const request = parseHookRequest(received, secret)
    if (request?.show) sendContent(socket, request.show, options)
    else if (!request?.wait) socket.destroy()
    else
      wait(request.wait, disconnected.signal).then(
        (found) => socket.end(found ? JSON.stringify(found) : ''),
        () => socket.end(),
      )
  })
}

async function sendContent(
  socket: Socket,
  leastUrgentMode: DeliveryMode,
  { contentSource }: HookSocketServerOptions,
): Promise<void> {
  const content = await contentSource.getContent(leastUrgentMode)
  if (!socket.writable) return contentSource.putBack(content)
  // Its senders know of it before the hook ends: what the session does then acks it.
  await contentSource.markShown(content)
  socket.end(content.text)
}

export interface HookSocketServerOptions {
  readonly stateDir: string
  readonly hostSessionId: string | undefined
  readonly contentSource: HookContentSource
  /** Waits as this session until there is something, or nobody asks any more. */
  readonly wait: (
    what: { readonly for: WaitTarget; readonly type?: string | undefined },
    ended: AbortSignal,
  ) => Promise<WaitResult | undefined>
}

/** Opens the door hooks of the same host knock at. The returned function closes it. */
export function startHookSocketServer(options: HookSocketServerOptions): () => void {
  const { stateDir, hostSessionId } = options
  listHookSockets(stateDir)
  const id = `${process.pid}-${randomBytes(6).toString('hex')}`
  const secret = randomBytes(32).toString('base64url')
  const socket = socketPathOf(stateDir, id)
  const file = join(stateDir, `door-${id}.json`)
  const server = createServer((knock) => handleHookRequest(knock, secret, options))
  // Without it the session goes on, and its hooks show nothing.
  server.on('error', (error) => process.stderr.write(`tony-mcp: no door for hooks: ${error.message}\n`))
  server.listen(socket, () => {
    const door: HookSocketInfo = {
      pid: process.pid,
      host: process.ppid,
      began: startTimeOf(process.ppid),
      session: hostSessionId ?? null,
      socket,
      secret,
    }
    // Nobody reads half of it.
    const written = `${file}.new`
    writeFileSync(written, JSON.stringify(door), { mode: 0o600, flag: 'wx' })
    renameSync(written, file)
  })
  server.unref()
  return () => {
    server.close()
    rmSync(file, { force: true })
  }
}
