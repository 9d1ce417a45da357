import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { ancestors } from './ancestors.ts'
import { systemClock } from './clock.ts'
import { type Door, doorsIn } from './door.ts'
import { bridgeConfigHere } from './environment.ts'
import { type HookEvent, type HookHost, mayGoOn, printed } from './hook-output.ts'
import { beginOf } from './slots.ts'

/** How long a hook may take in all, in milliseconds. */
const withinMs = 2_000

/**
 * How far above a hook its host may be: a host starts it by itself or with a shell. Further up there may be another host, in
 * whose shell this one was started, and whose messages are not for this one.
 */
const generations = 3

/** The door of the bridge that this hook's host has started. */
function doorHere(doors: readonly Door[], session: string | undefined): Door | undefined {
  const told = session === undefined ? undefined : doors.find((door) => door.session === session)
  if (told) return told
  for (const pid of ancestors(generations)) {
    const door = doors.find(({ host, began }) => host === pid && began === beginOf(pid))
    if (door) return door
  }
  return undefined
}

async function knock({ socket, secret }: Door): Promise<string> {
  const line = connect(socket)
  line.write(`${secret}\n`)
  return text(line)
}

function parsed(input: string): unknown {
  try {
    return JSON.parse(input)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function said(event: HookEvent, host: HookHost): Promise<string> {
  const { stateDir, session } = bridgeConfigHere()
  const door = doorHere(doorsIn(stateDir), session)
  if (!door) return ''
  // Whether a turn may go on once more is in what the host says; at other points it says nothing of use.
  if (event === 'stop' && !mayGoOn(parsed(await text(process.stdin)))) return ''
  return printed(event, host, await knock(door))
}

/** `tony-mcp hook`: prints what waits for the session of this host. Without a bridge, a server or an answer in time it prints nothing. */
export async function runHook(event: HookEvent, host: HookHost): Promise<void> {
  const late = new Promise<string>((resolve) => systemClock.timer(withinMs, () => resolve('')))
  const output = await Promise.race([said(event, host).catch(() => ''), late])
  process.stdout.write(output, () => process.exit(0))
}
