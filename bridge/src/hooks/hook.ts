import { text } from 'node:stream/consumers'
import { systemClock } from '../clock.ts'
import { formatHookOutput, type HookEvent, type HookHost, leastUrgentModes, mayContinueTurn } from './hook-output.ts'
import { fetchHookContent } from './socket-client.ts'

/** How long a hook may take in all, in milliseconds. */
const hookTimeoutMs = 2_000

function parseJson(input: string): unknown {
  try {
    return JSON.parse(input)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function getHookOutput(event: HookEvent, host: HookHost): Promise<string> {
  // Whether a turn may go on once more is in what the host says; at other points it says nothing of use.
  if (event === 'stop' && !mayContinueTurn(parseJson(await text(process.stdin)))) return ''
  return formatHookOutput(event, host, await fetchHookContent(leastUrgentModes[event]))
}

/** `tony-mcp hook`: prints what waits for the session of this host. Without a bridge, a server or an answer in time it prints nothing. */
export async function runHook(event: HookEvent, host: HookHost): Promise<void> {
  const timeout = new Promise<string>((resolve) => systemClock.timer(hookTimeoutMs, () => resolve('')))
  const output = await Promise.race([getHookOutput(event, host).catch(() => ''), timeout])
  process.stdout.write(output, () => process.exit(0))
}
