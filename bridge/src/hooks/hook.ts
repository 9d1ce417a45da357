import { text } from 'node:stream/consumers'
import { systemClock } from '../clock.ts'
import { type HookEvent, type HookHost, mayGoOn, printed, shownAt } from './hook-output.ts'
import { look } from './socket-client.ts'

/** How long a hook may take in all, in milliseconds. */
const withinMs = 2_000

function parsed(input: string): unknown {
  try {
    return JSON.parse(input)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function said(event: HookEvent, host: HookHost): Promise<string> {
  // Whether a turn may go on once more is in what the host says; at other points it says nothing of use.
  if (event === 'stop' && !mayGoOn(parsed(await text(process.stdin)))) return ''
  return printed(event, host, await look(shownAt[event]))
}

/** `tony-mcp hook`: prints what waits for the session of this host. Without a bridge, a server or an answer in time it prints nothing. */
export async function runHook(event: HookEvent, host: HookHost): Promise<void> {
  const late = new Promise<string>((resolve) => systemClock.timer(withinMs, () => resolve('')))
  const output = await Promise.race([said(event, host).catch(() => ''), late])
  process.stdout.write(output, () => process.exit(0))
}
