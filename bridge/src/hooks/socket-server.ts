import { randomBytes, timingSafeEqual } from 'node:crypto'
import { globSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deliveryModes } from '@tony/mcp-shared/messages'
import { z } from 'zod'
import type { WaitResult, WaitTarget } from '../session/poll.ts'
import { isAlive, startTimeOf } from '../session/slots.ts'
import type { HookContentOptions, HookContentSource } from './hook-content.ts'

/** The file that a bridge writes for the hooks of its host, readable by this user alone. */
const hookSocketSchema = z.object({
  /** Process id of the bridge. */
  pid: z.int(),
  /** The process that started the bridge, and its start time. */
  host: z.int(),
  began: z.string(),
  /** The host's id of its session; null if it passes none. */
  session: z.string().nullable(),
  socket: z.string(),
  /** Proves that a hook has read this file. */
  secret: z.string(),
})
export type HookSocketInfo = z.output<typeof hookSocketSchema>

/** Returns the hook sockets of live bridges, newest first. Deletes the files of killed bridges. */
export function listHookSockets(stateDir: string): HookSocketInfo[] {
  const hookSockets = globSync('hook-socket-*.json', { cwd: stateDir }).flatMap((name) => {
    const path = join(stateDir, name)
    const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (since === undefined) return []
    const parsed = hookSocketSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    if (parsed.data && isAlive(parsed.data.pid)) return [{ info: parsed.data, since }]
    rmSync(path, { force: true })
    if (parsed.data && process.platform !== 'win32') rmSync(parsed.data.socket, { force: true })
    return []
  })
  return hookSockets.sort((one, other) => other.since - one.since).map(({ info }) => info)
}

/** Returns a short path, because systems limit the length of a socket's path. */
function socketPathOf(stateDir: string, id: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tony-mcp-${id}`
  const inState = join(stateDir, `${id}.sock`)
  return inState.length < 100 ? inState : join(tmpdir(), `tony-mcp-${id}.sock`)
}

const hookRequestSchema = z.object({
  secret: z.string(),
  /** Requests the content to show now, with messages at least as urgent as this mode. */
  show: z.enum(deliveryModes).optional(),
  /** The host that runs the hook. */
  host: z.string().max(100).optional(),
  wait: z.object({ for: z.enum(['task', 'message']), type: z.string().max(200).optional() }).optional(),
})

function isSameSecret(candidate: string, secret: string): boolean {
  const [one, other] = [Buffer.from(candidate), Buffer.from(secret)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** Parses the request of a hook; undefined if it is invalid or has a wrong secret. */
function parseHookRequest(line: string, secret: string): z.output<typeof hookRequestSchema> | undefined {
  try {
    const { data } = hookRequestSchema.safeParse(JSON.parse(line))
    return data && isSameSecret(data.secret, secret) ? data : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Handles one connection of a hook: the request arrives in one line, then the reply is sent. */
function handleHookRequest(socket: Socket, secret: string, options: HookSocketServerOptions): void {
  const { wait } = options
  let received = ''
  const disconnected = new AbortController()
  socket.setEncoding('utf8')
  socket.on('close', () => disconnected.abort())
  // The peer is gone, and nothing more can be written.
  socket.on('error', () => socket.destroy())
  socket.on('data', (data: string) => {
    received += data
    if (received.length <= 1_000 && !received.endsWith('\n')) return
    const request = parseHookRequest(received, secret)
    if (request?.show)
      sendContent(socket, { upTo: request.show, host: request.host, abandoned: disconnected.signal }, options)
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
  content: HookContentOptions,
  { contentSource }: HookSocketServerOptions,
): Promise<void> {
  socket.end(await contentSource.getContent(content).catch(() => ''))
}

export interface HookSocketServerOptions {
  readonly stateDir: string
  readonly hostSessionId: string | undefined
  readonly contentSource: HookContentSource
  /** Waits as this session until there is work or the signal aborts. */
  readonly wait: (
    what: { readonly for: WaitTarget; readonly type?: string | undefined },
    ended: AbortSignal,
  ) => Promise<WaitResult | undefined>
}

/** Opens the hook socket for the hooks of the same host. Returns a function that closes it. */
export function startHookSocketServer(options: HookSocketServerOptions): () => void {
  const { stateDir, hostSessionId } = options
  listHookSockets(stateDir)
  const id = `${process.pid}-${randomBytes(6).toString('hex')}`
  const secret = randomBytes(32).toString('base64url')
  const socket = socketPathOf(stateDir, id)
  const file = join(stateDir, `hook-socket-${id}.json`)
  const server = createServer((connection) => handleHookRequest(connection, secret, options))
  // Without the socket the session works, but its hooks show nothing.
  server.on('error', (error) => process.stderr.write(`tony-mcp: cannot open the hook socket: ${error.message}\n`))
  server.listen(socket, () => {
    const info: HookSocketInfo = {
      pid: process.pid,
      host: process.ppid,
      began: startTimeOf(process.ppid),
      session: hostSessionId ?? null,
      socket,
      secret,
    }
    // Renamed once it is complete, so that no hook reads a partial file.
    const written = `${file}.new`
    writeFileSync(written, JSON.stringify(info), { mode: 0o600, flag: 'wx' })
    renameSync(written, file)
  })
  server.unref()
  return () => {
    server.close()
    rmSync(file, { force: true })
  }
}
