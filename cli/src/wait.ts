import type { WaitResult, WaitTarget } from '@tony/mcp-bridge/session/poll'
import type { Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { connectClient } from './connection.ts'
import type { ServerOptions } from './contexts/settings.ts'
import { timeoutExitCode } from './exit-codes.ts'
import { parseDuration } from './options.ts'
import { addServerOptions } from './server-options.ts'
import { startTimer } from './timer.ts'

interface WaitCommandOptions extends ServerOptions {
  readonly for: WaitTarget
  readonly session: boolean
  readonly agent?: string
  readonly type?: string
  readonly timeout?: number
  readonly json: boolean
}

/** Returns the agent to wait for: the named one, or that of the credential. */
async function resolveAgentId(client: Client, { agent }: WaitCommandOptions): Promise<string | undefined> {
  // A misspelled name would otherwise be waited for until the timeout.
  if (agent !== undefined) return (await client.agents.get({ agent })).id
  return (await client.auth.whoami({})).agentId ?? undefined
}

async function waitAsCaller(options: WaitCommandOptions, ended: AbortSignal): Promise<WaitResult | undefined> {
  const { waitForWork } = await import('@tony/mcp-bridge/session/poll')
  const client = connectClient(options)
  // A call to an unreachable server must not outlast the timeout.
  ended.addEventListener('abort', () => client.close(), { once: true })
  try {
    const agent = await resolveAgentId(client, options)
    return await waitForWork(client, { for: options.for, agent, type: options.type, timer: startTimer, ended })
  } catch (error) {
    if (ended.aborted) return undefined
    throw error
  } finally {
    client.close()
  }
}

async function waitAsSession(
  { for: kind, type }: WaitCommandOptions,
  ended: AbortSignal,
): Promise<WaitResult | undefined> {
  const { waitThroughBridge } = await import('@tony/mcp-bridge/hooks/socket-client')
  return waitThroughBridge({ for: kind, type }, ended)
}

async function waitCommand(options: WaitCommandOptions): Promise<void> {
  const ended = new AbortController()
  const cancel = options.timeout === undefined ? () => undefined : startTimer(options.timeout, () => ended.abort())
  const found = await (options.session ? waitAsSession : waitAsCaller)(options, ended.signal).finally(cancel)
  if (found) process.stdout.write(`${options.json ? JSON.stringify(found) : formatResult(found)}\n`)
  else process.exitCode = timeoutExitCode
}

const formatResult = (found: WaitResult): string =>
  found.for === 'task' ? `task ${found.taskId}` : `message ${found.messageId} from ${found.from ?? 'the developer'}`

/**
 * `tony-mcp wait`: exits with 0 if there is a task or a message and with 124 after the timeout. It
 * takes nothing.
 */
export function addWaitCommand(tony: Command): void {
  addServerOptions(tony.command('wait'))
    .addOption(new Option('--for <what>', 'what to wait for').choices(['task', 'message']).makeOptionMandatory())
    .option('--session', 'for the coding agent whose host calls this, by its bridge: no credential is needed', false)
    .option('--agent <name>', 'what this agent may take, or its inbox; default: the agent the credential is of')
    .option('--type <type>', 'only tasks or messages of this type')
    .option(
      '--timeout <duration>',
      'how long, such as 30s or 8h; then the exit code is 124. Default: no timeout',
      parseDuration,
    )
    .option('--json', 'print what there is as JSON', false)
    .action((options: WaitCommandOptions) => waitCommand(options))
}
