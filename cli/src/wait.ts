import type { Found, LookFor } from '@tony/mcp-bridge/session/poll'
import type { Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { after } from './clock.ts'
import { connect, type ServerOptions, withServer } from './connection.ts'
import { durationOption } from './options.ts'

interface WaitCommand extends ServerOptions {
  readonly for: LookFor
  readonly session: boolean
  readonly agent?: string
  readonly type?: string
  readonly timeout?: number
  readonly json: boolean
}

/** The exit code when the time is up: that of `timeout` in a shell. */
const timeUp = 124

/** Whose eyes this looks with: the agent that was named, or the one the credential is of. */
async function agentOf(client: Client, { agent }: WaitCommand): Promise<string | undefined> {
  return agent ?? (await client.auth.whoami({})).agentId ?? undefined
}

async function waitAsCaller(options: WaitCommand, ended: AbortSignal): Promise<Found | undefined> {
  const { waitFor } = await import('@tony/mcp-bridge/session/poll')
  const client = connect(options)
  // Nothing that is asked of a server that is not there outlasts the time.
  ended.addEventListener('abort', () => client.close(), { once: true })
  try {
    const agent = await agentOf(client, options)
    return await waitFor(client, { for: options.for, agent, type: options.type, timer: after, ended })
  } catch (error) {
    if (ended.aborted) return undefined
    throw error
  } finally {
    client.close()
  }
}

async function waitAsSession({ for: kind, type }: WaitCommand, ended: AbortSignal): Promise<Found | undefined> {
  const { waitAtDoor } = await import('@tony/mcp-bridge/hooks/socket-client')
  return waitAtDoor({ for: kind, type }, ended)
}

async function waitCommand(options: WaitCommand): Promise<void> {
  const ended = new AbortController()
  const cancel = options.timeout === undefined ? () => undefined : after(options.timeout, () => ended.abort())
  const found = await (options.session ? waitAsSession : waitAsCaller)(options, ended.signal).finally(cancel)
  if (found) process.stdout.write(`${options.json ? JSON.stringify(found) : line(found)}\n`)
  else process.exitCode = timeUp
}

const line = (found: Found): string =>
  found.for === 'task' ? `task ${found.taskId}` : `message ${found.messageId} from ${found.from ?? 'the developer'}`

/** `tony-mcp wait`: exit code 0 when there is something, 124 when the time is up. It takes nothing. */
export function addWaitCommand(tony: Command): void {
  withServer(tony.command('wait'))
    .description('wait on the server until there is a task or a message, and take nothing')
    .addOption(new Option('--for <what>', 'what to wait for').choices(['task', 'message']).makeOptionMandatory())
    .option('--session', 'for the coding agent whose host calls this, by its bridge: no credential is needed', false)
    .option('--agent <name>', 'what this agent may take, or its inbox; default: the agent the credential is of')
    .option('--type <type>', 'only tasks or messages of this type')
    .option(
      '--timeout <duration>',
      'how long, such as 30s or 8h; then the exit code is 124. Default: for ever',
      durationOption,
    )
    .option('--json', 'print what there is as JSON', false)
    .action((options: WaitCommand) => waitCommand(options))
}
