import { text } from 'node:stream/consumers'
import { systemClock } from '../clock.ts'
import { isRecord } from '../is-record.ts'
import { formatHookOutput, type HookEvent, type HookHost, mayContinueTurn } from './hook-output.ts'
import { fetchHookContent } from './socket-client.ts'

/** Timeout of a whole hook, in milliseconds. */
const hookTimeoutMs = 2_000

/** The exit code with which a background hook of Claude Code wakes its session. */
const wakingExitCode = 2

function parseJson(input: string): unknown {
  try {
    return JSON.parse(input)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * Reads the JSON that the host writes to the hook, where it is needed. At `stop` it tells if the
 * hook may continue the turn, and that of Codex has the id of the thread for its queue. Returns
 * undefined otherwise.
 */
const readHookInput = async (event: HookEvent, host: HookHost): Promise<unknown> =>
  event === 'stop' || host === 'codex' ? parseJson(await text(process.stdin)) : undefined

async function getHookOutput(event: HookEvent, host: HookHost): Promise<string> {
  const input = await readHookInput(event, host)
  const endsTurn = event === 'stop' && !mayContinueTurn(input)
  const thread = isRecord(input) && typeof input['session_id'] === 'string' ? input['session_id'] : undefined
  return formatHookOutput(event, host, await fetchHookContent({ event, host, endsTurn, thread }))
}

/** Waits in the background until the session is to be woken. The model then sees the text. */
async function waitForWake(host: HookHost): Promise<void> {
  const content = await fetchHookContent({ event: 'idle', host, endsTurn: false, thread: undefined }).catch(() => '')
  process.stderr.write(content, () => process.exit(content === '' ? 0 : wakingExitCode))
}

/**
 * `tony-mcp hook`: prints the notices and messages for this host session. It prints nothing without
 * a bridge, without a server or without a reply in time.
 */
export async function runHook(event: HookEvent, host: HookHost): Promise<void> {
  if (event === 'idle') return waitForWake(host)
  const timeout = new Promise<string>((resolve) => systemClock.timer(hookTimeoutMs, () => resolve('')))
  const output = await Promise.race([getHookOutput(event, host).catch(() => ''), timeout])
  process.stdout.write(output, () => process.exit(0))
}
