import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { TestServer } from '../support/server.ts'
import { type BridgedServer, bridgedHost, type Host, isRecord } from './hosts.ts'

export const standInKinds = ['channel', 'stop_hook', 'codex_queue', 'command', 'none'] as const
export type StandInKind = (typeof standInKinds)[number]

/** A host that can be woken in one way. The test is its model. */
export interface StandIn extends AsyncDisposable {
  readonly host: Host & { readonly bridge: Awaited<ReturnType<typeof bridgedHost>>['bridge'] }
  readonly agentId: string
  /** The texts that the host has got to wake its session. */
  readonly wakeTexts: () => readonly string[]
  /** Ends a turn of the model, as the hook at its end reports. */
  readonly endTurn: () => Promise<string>
}

const clientNames: Partial<Record<StandInKind, string>> = { channel: 'claude-code', codex_queue: 'codex-mcp-client' }

/** Writes a program that appends its arguments and the text of a wake to a file. */
function writeProgram(server: BridgedServer, name: string): { readonly program: string; readonly file: string } {
  const [program, file] = [join(server.folder, name), join(server.folder, `${name}.texts`)]
  const script = `#!/bin/sh\nprintf '%s\\0' "$*" "$TONY_WAKE_TEXT" >> '${file}'\nexit 0\n`
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  return { program, file }
}

/** Returns the texts in a file of two fields for each call; the longer field is the text. */
function textsIn(file: string): string[] {
  if (!existsSync(file)) return []
  const fields = readFileSync(file, 'utf8').split('\0').slice(0, -1)
  return fields.flatMap((field, index) => (index % 2 === 0 ? [`${field}${fields[index + 1] ?? ''}`] : []))
}

/** A connection of a hook that waits in the background, as the host starts one after each turn. */
function backgroundHook(bridge: StandIn['host']['bridge'], texts: string[]) {
  return () => {
    const hook = { event: 'idle', host: 'claude-code', endsTurn: false } as const
    const waiting = bridge.requests.reply({ secret: '', hook }, new AbortController().signal)
    void waiting.then((text) => {
      if (text !== '') texts.push(text)
    })
  }
}

let hostCount = 0

/** Ends a turn of an agent, and resolves when the server knows that its session is idle. */
type IdleWait = (agentId: string, end: () => Promise<void>) => Promise<void>

/** Starts a host whose session has joined, has taken part in a turn and is idle. */
export const standIn = (server: TestServer, kind: StandInKind, env: Record<string, string> = {}): Promise<StandIn> =>
  openStandIn(server, kind, (agentId, end) => idle(server, agentId, end), env)

/** As `standIn`, at any server. */
export async function openStandIn(
  server: BridgedServer,
  kind: StandInKind,
  waitUntilIdle: IdleWait,
  env: Record<string, string> = {},
): Promise<StandIn> {
  hostCount += 1
  const { program, file } = writeProgram(server, `program-${hostCount}`)
  const settings: Record<string, string> = {
    TONY_MCP_SESSION: `session ${hostCount}`,
    ...(kind === 'command' && { TONY_MCP_WAKE: `'${program}'` }),
    ...(kind === 'codex_queue' && { TONY_MCP_CODEX: program, CODEX_THREAD_ID: `thread-${hostCount}` }),
    ...env,
  }
  const host = await bridgedHost(server, settings, clientNames[kind])
  const texts: string[] = []
  host.client.fallbackNotificationHandler = async ({ method, params }) => {
    if (method === 'notifications/claude/channel' && isRecord(params)) texts.push(String(params['content']))
  }
  const startHook = kind === 'stop_hook' ? backgroundHook(host.bridge, texts) : () => undefined
  const endTurn = async () => {
    const hook = { event: 'stop', host: 'claude-code', endsTurn: false } as const
    const shown = await host.bridge.requests.reply({ secret: '', hook }, new AbortController().signal)
    if (shown === '') startHook()
    return shown
  }
  host.bridge.start()
  const { agentId } = await host.did('join')
  const id = String(agentId)
  await waitUntilIdle(id, async () => void (await endTurn()))
  return {
    host,
    agentId: id,
    wakeTexts: () => [...texts, ...textsIn(file)],
    endTurn,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

/** Ends a turn and waits until the server knows that the session is idle. */
export async function idle(server: TestServer, agentId: string, end: () => Promise<void>): Promise<void> {
  await end()
  const rows = () => server.query('select agent_id from idle_sessions where agent_id = ?', [agentId]).length
  await expect.poll(rows, { interval: 5 }).toBe(1)
}

/** Starts the bridge of a session again, as a host does. Its model does nothing. */
export async function restartedHost(
  server: TestServer,
  session: string,
): Promise<Pick<StandIn, 'host' | 'wakeTexts'> & AsyncDisposable> {
  hostCount += 1
  const { program, file } = writeProgram(server, `program-${hostCount}`)
  const host = await bridgedHost(server, { TONY_MCP_SESSION: session, TONY_MCP_WAKE: `'${program}'` })
  host.bridge.start()
  return { host, wakeTexts: () => textsIn(file), [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}
