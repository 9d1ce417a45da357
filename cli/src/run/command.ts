import { once } from 'node:events'
import { hostname } from 'node:os'
import { Agent, TonyError } from '@tony/mcp-client'
import { policy } from '@tony/mcp-shared/policy'
import { agentRole } from '@tony/mcp-shared/roles'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { connectionTargetOf } from '../connection.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { notFoundExitCode } from '../exit-codes.ts'
import { parseDuration } from '../options.ts'
import { addServerOptions } from '../server-options.ts'
import { createCommandHandler } from './command-handler.ts'
import { InstantEnds } from './instant-ends.ts'
import { isProgram } from './resolve.ts'

interface RunOptions extends ServerOptions {
  readonly slots: number
  readonly name?: string
  readonly type: string
  readonly capability: readonly string[]
  readonly lease: number
  readonly heartbeat: number
  readonly grace: number
  readonly once: boolean
  readonly maxTasks?: number
  readonly pause: boolean
}

const parseSlotCount = (text: string): number => {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 256) throw new InvalidArgumentError('1 to 256')
  return count
}

const parseTaskCount = (text: string): number => {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('a number from 1')
  return count
}

const log = (line: string) => process.stderr.write(`tony-mcp run: ${line}\n`)

/** Resolves at the next signal to stop. */
const waitForSignal = (): Promise<unknown> =>
  Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT'), once(process, 'SIGHUP')])

const registerAgent = (options: RunOptions): Promise<Agent> =>
  Agent.register({
    ...connectionTargetOf(options),
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
const unregisterAgent = ({ client }: Agent): Promise<unknown> =>
  client.agents.unregister({}, { deadlineMs: 2_000 }).catch(() => undefined)

/** Releases all leases at once. Commands that still run lose their tasks. */
async function releaseLeases(agent: Agent): Promise<void> {
  log('releasing the running tasks')
  await unregisterAgent(agent)
  agent.client.close()
}

/** Unregisters and throws FORBIDDEN if the role of an agent takes no tasks. */
async function requireWorker(agent: Agent, type: string): Promise<void> {
  const role = agentRole.parse(agent.role)
  if (policy[role].has('tasks:work')) return
  await unregisterAgent(agent)
  await agent.stop()
  const message = `an agent of the type "${type}" has the role ${role}, which takes no tasks: give a --type such as implementation`
  throw new CommandError(4, `FORBIDDEN: ${message}`)
}

/** The commands of one run: how many may start, and the end of the run. */
class CommandRun {
  readonly #finished = Promise.withResolvers<void>()
  readonly stopping = new AbortController()
  #left: number

  constructor(maxTasks: number) {
    this.#left = maxTasks
  }

  /** Resolves when no further task is to start. Rejects with an error that ends the run. */
  get finished(): Promise<void> {
    return this.#finished.promise
  }

  /** Admits one more task. After the last one nothing more is claimed. */
  admit(): boolean {
    if (this.#left === 0) return false
    this.#left -= 1
    if (this.#left === 0) this.#finished.resolve()
    return true
  }

  fail(error: unknown): void {
    this.#finished.reject(error)
  }
}

function startLoop(agent: Agent, command: readonly [string, ...string[]], run: CommandRun, options: RunOptions) {
  const handler = createCommandHandler({
    command,
    graceMs: options.grace,
    log,
    instantEnds: options.pause ? new InstantEnds() : undefined,
    admit: () => run.admit(),
    onSpawnError: (error) => run.fail(error),
    stopping: run.stopping.signal,
  })
  const onError = (error: unknown, task: { readonly id: string } | undefined) => {
    // The lost lease is in the log already.
    if (error instanceof TonyError && error.code === 'STALE_LEASE') return
    log(`${task ? `task ${task.id}: ` : ''}${error instanceof Error ? error.message : String(error)}`)
    // A refused claim is refused again: only another registration would help.
    if (!task && error instanceof TonyError && error.code === 'FORBIDDEN') run.fail(error)
  }
  return agent.work(handler, { slots: options.slots, leaseMs: options.lease, onError })
}

/** Limits the tasks with `--once`, and the slots to the number of the tasks. */
function toLimitedOptions(options: RunOptions): RunOptions & { readonly maxTasks: number } {
  const maxTasks = options.once ? 1 : (options.maxTasks ?? Number.POSITIVE_INFINITY)
  return { ...options, maxTasks, slots: Math.min(options.slots, maxTasks) }
}

async function runCommand(command: readonly [string, ...string[]], given: RunOptions): Promise<void> {
  const options = toLimitedOptions(given)
  if (!isProgram(command[0]))
    throw new CommandError(
      notFoundExitCode,
      `tony-mcp run: ${command[0]} is not found or not executable; no task was taken`,
    )
  const agent = await registerAgent(options)
  await requireWorker(agent, options.type)
  const run = new CommandRun(options.maxTasks)
  log(`${agent.name} takes tasks, ${options.slots} at a time`)
  const loop = startLoop(agent, command, run, options)
  const signalled = waitForSignal().then(() => log('waiting for the running tasks; a second signal releases them'))
  const forced = signalled.then(waitForSignal).then(() => releaseLeases(agent))
  const ended = await Promise.race([signalled, run.finished, waitForSessionEnd(agent)]).then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  run.stopping.abort()
  const drained = loop.stop()
  await Promise.race([drained, forced])
  await drained
  await unregisterAgent(agent)
  await agent.stop()
  if (ended) throw ended.error
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
    .addOption(new Option('--once', 'end after one task').default(false).conflicts('maxTasks'))
    .option('--max-tasks <n>', 'end after this many tasks', parseTaskCount)
    .option('--no-pause', 'start the next command at once, even if the last ones ended at once')
    .action((command: [string, ...string[]], options: RunOptions) => runCommand(command, options))
}
