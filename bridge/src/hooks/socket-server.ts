import { randomBytes, timingSafeEqual } from 'node:crypto'
import { globSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DeliveryMode, deliveryModes } from '@tony/mcp-shared/messages'
import { z } from 'zod'
import type { Boundary } from '../messages/boundary.ts'
import type { Found, LookFor } from '../session/poll.ts'
import { beginOf, isAlive } from '../session/slots.ts'

/** What a bridge writes down for the hooks of its host; only this user reads it. */
const doorFile = z.object({
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
export type Door = z.output<typeof doorFile>

/** The doors of the bridges that live, the newest first. What those that were killed have left is removed. */
export function doorsIn(stateDir: string): Door[] {
  const doors = globSync('door-*.json', { cwd: stateDir }).flatMap((name) => {
    const path = join(stateDir, name)
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (since === undefined) return []
    const door = doorFile.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    if (door.data && isAlive(door.data.pid)) return [{ door: door.data, since }]
    rmSync(path, { force: true })
    if (door.data && process.platform !== 'win32') rmSync(door.data.socket, { force: true })
    return []
  })
  return doors.sort((one, other) => other.since - one.since).map(({ door }) => door)
}

/** A socket of the system has a short name, whatever the folder of this user is called. */
function socketFor(stateDir: string, id: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tony-mcp-${id}`
  const inState = join(stateDir, `${id}.sock`)
  return inState.length < 100 ? inState : join(tmpdir(), `tony-mcp-${id}.sock`)
}

const question = z.object({
  secret: z.string(),
  /** What is to be shown now: messages of a mode at least as urgent. */
  show: z.enum(deliveryModes).optional(),
  wait: z.object({ for: z.enum(['task', 'message']), type: z.string().max(200).optional() }).optional(),
})

function isSame(said: string, secret: string): boolean {
  const [one, other] = [Buffer.from(said), Buffer.from(secret)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** What was asked; undefined for who has not read the file of the door. */
function asked(line: string, secret: string): z.output<typeof question> | undefined {
  try {
    const { data } = question.safeParse(JSON.parse(line))
    return data && isSame(data.secret, secret) ? data : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Answers one knock: the question comes in one line, then the answer goes out. */
function answer(socket: Socket, secret: string, options: DoorOptions): void {
  const { wait } = options
  let heard = ''
  const gone = new AbortController()
  socket.setEncoding('utf8')
  socket.on('close', () => gone.abort())
  // One that has gone can not be written to any more.
  socket.on('error', () => socket.destroy())
  socket.on('data', (data: string) => {
    heard += data
    if (heard.length <= 1_000 && !heard.endsWith('\n')) return
    const asking = asked(heard, secret)
    if (asking?.show) show(socket, asking.show, options)
    else if (!asking?.wait) socket.destroy()
    else
      wait(asking.wait, gone.signal).then(
        (found) => socket.end(found ? JSON.stringify(found) : ''),
        () => socket.end(),
      )
  })
}

async function show(socket: Socket, upTo: DeliveryMode, { boundary }: DoorOptions): Promise<void> {
  const showing = await boundary.look(upTo)
  if (!socket.writable) return boundary.keep(showing)
  // Its senders know of it before the hook ends: what the session does then acks it.
  await boundary.shown(showing)
  socket.end(showing.text)
}

export interface DoorOptions {
  readonly stateDir: string
  readonly session: string | undefined
  readonly boundary: Boundary
  /** Waits as this session until there is something, or nobody asks any more. */
  readonly wait: (
    what: { readonly for: LookFor; readonly type?: string | undefined },
    ended: AbortSignal,
  ) => Promise<Found | undefined>
}

/** Opens the door hooks of the same host knock at. The returned function closes it. */
export function openDoor(options: DoorOptions): () => void {
  const { stateDir, session } = options
  doorsIn(stateDir)
  const id = `${process.pid}-${randomBytes(6).toString('hex')}`
  const secret = randomBytes(32).toString('base64url')
  const socket = socketFor(stateDir, id)
  const file = join(stateDir, `door-${id}.json`)
  const server = createServer((knock) => answer(knock, secret, options))
  // Without it the session goes on, and its hooks show nothing.
  server.on('error', (error) => process.stderr.write(`tony-mcp: no door for hooks: ${error.message}\n`))
  server.listen(socket, () => {
    const door: Door = {
      pid: process.pid,
      host: process.ppid,
      began: beginOf(process.ppid),
      session: session ?? null,
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
