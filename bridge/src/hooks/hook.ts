import { text } from 'node:stream/consumers'
import { systemClock } from '../clock.ts'
import { formatHookOutput, type HookEvent, type HookHost, leastUrgentModes, mayContinueTurn } from './hook-output.ts'
import { fetchHookContent } from './socket-client.ts'

/** Timeout of a whole hook, in milliseconds. */
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
  // The host's input shows at `stop` if the turn may be continued. At other points it has no use.
  if (event === 'stop' && !mayContinueTurn(parseJson(await text(process.stdin)))) return ''
  return formatHookOutput(event, host, await fetchHookContent(leastUrgentModes[event], host))
}

/**
 * `tony-mcp hook`: prints the notices and messages for this host session. It prints nothing without
 * a bridge, without a server or without a reply in time.
 */
export async function runHook(event: HookEvent, host: HookHost): Promise<void> {
  const timeout = new Promise<string>((resolve) => systemClock.timer(hookTimeoutMs, () => resolve('')))
  const output = await Promise.race([getHookOutput(event, host).catch(() => ''), timeout])
  process.stdout.write(output, () => process.exit(0))
}
