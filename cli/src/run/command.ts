import { once } from 'node:events'
import { hostname } from 'node:os'
import { Agent, TonyError } from '@tony/mcp-client'
import { type Command, InvalidArgumentError } from 'commander'
import { targetOf } from '../connection.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { parseDuration } from '../options.ts'
import { addServerOptions } from '../server-options.ts'
import { createCommandHandler } from './command-handler.ts'

interface RunOptions extends ServerOptions {
  readonly slots: number
  readonly name?: string
  readonly type: string
  readonly capability: readonly string[]
  readonly lease: number
  readonly heartbeat: number
  readonly grace: number
}

const parseSlotCount = (text: string): number => {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 256) throw new InvalidArgumentError('1 to 256')
  return count
}

const log = (line: string) => process.stderr.write(`tony-mcp run: ${line}\n`)

/** Resolves at the next signal to stop. */
const waitForSignal = (): Promise<unknown> =>
  Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT'), once(process, 'SIGHUP')])

const register = (options: RunOptions): Promise<Agent> =>
  Agent.register({
    ...targetOf(options),
    name: options.name ?? `run-${hostname()}-${process.pid}`,
    type: options.type,
    capabilities: options.capability,
    heartbeatMs: options.heartbeat,
  })

/** Rejects when the session has ended for good: revoked or taken over. */
const waitForSessionEnd = ({ client }: Agent): Promise<never> =>
  new Promise((_, reject) => {
    client.connection.onChange(({ state }) => {
      // From then on every call rejects with the reason of the end.
      if (state === 'closed') client.auth.whoami().catch(reject)
    })
  })

/**
 * Unregisters the agent, which releases all leases without a failure. Without a server they expire.
 */
const unregister = ({ client }: Agent): Promise<unknown> =>
  client.agents.unregister({}, { deadlineMs: 2_000 }).catch(() => undefined)

/** Releases all leases at once. Commands that still run lose their tasks. */
async function releaseLeases(agent: Agent): Promise<void> {
  log('releasing the running tasks')
  await unregister(agent)
  agent.client.close()
}

async function runCommand(command: readonly [string, ...string[]], options: RunOptions): Promise<void> {
  const agent = await register(options)
  log(`${agent.name} takes tasks, ${options.slots} at a time`)
  const loop = agent.work(createCommandHandler({ command, graceMs: options.grace, log }), {
    slots: options.slots,
    leaseMs: options.lease,
    onError: (error, task) => {
      // The lost lease is in the log already.
      if (!(error instanceof TonyError && error.code === 'STALE_LEASE'))
        log(`${task ? `task ${task.id}: ` : ''}${error instanceof Error ? error.message : String(error)}`)
    },
  })
  await Promise.race([waitForSignal(), waitForSessionEnd(agent)])
  log('waiting for the running tasks; a second signal releases them')
  const drained = loop.stop()
  const forced = waitForSignal().then(() => releaseLeases(agent))
  await Promise.race([drained, forced])
  await drained
  await unregister(agent)
  await agent.stop()
}

/** `tony-mcp run --slots N -- COMMAND…`: runs the command once for each task, until SIGTERM. */
export function addRunCommand(tony: Command): void {
  addServerOptions(tony.command('run'))
    .argument('<command...>', 'the command, after --')
    .option('--slots <n>', 'how many tasks at a time, 1 to 256', parseSlotCount, 1)
    .option('--name <name>', 'the name of the agent; default: one of this machine and process')
    .option('--type <type>', 'the type of the agent', 'implementation')
    .option(
      '--capability <word>',
      'a capability of the agent; repeat it for several',
      (word, before: string[]) => [...before, word],
      [],
    )
    .option('--lease <duration>', 'how long a lease lasts without a heartbeat', parseDuration, 30_000)
    .option('--heartbeat <duration>', 'between heartbeats', parseDuration, 10_000)
    .option(
      '--grace <duration>',
      'between SIGTERM and SIGKILL for a command that has lost its task',
      parseDuration,
      10_000,
    )
    .action((command: [string, ...string[]], options: RunOptions) => runCommand(command, options))
}
