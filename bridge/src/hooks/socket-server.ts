import { randomBytes, timingSafeEqual } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { startTimeOf } from '../session/processes.ts'
import { type HookRequestHandler, hookRequestSchema } from './hook-requests.ts'
import { type HookSocketInfo, listAndPruneHookSockets } from './hook-sockets.ts'

/** Returns a short path, because systems limit the length of a socket's path. */
function socketPathOf(stateDir: string, id: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tony-mcp-${id}`
  const inState = join(stateDir, `${id}.sock`)
  return inState.length < 100 ? inState : join(tmpdir(), `tony-mcp-${id}.sock`)
}

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
function handleHookRequest(socket: Socket, secret: string, { requests }: HookSocketServerOptions): void {
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
    if (!request) return void socket.destroy()
    requests.reply(request, disconnected.signal).then(
      (text) => socket.end(text),
      () => socket.end(),
    )
  })
}

export interface HookSocketServerOptions {
  readonly stateDir: string
  readonly hostSessionId: string | undefined
  readonly requests: HookRequestHandler
}

/** Opens the hook socket for the hooks of the same host. Returns a function that closes it. */
export function startHookSocketServer(options: HookSocketServerOptions): () => void {
  const { stateDir, hostSessionId } = options
  listAndPruneHookSockets(stateDir)
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
