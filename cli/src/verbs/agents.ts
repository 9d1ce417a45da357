import type { AgentInfo, Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { formatAge } from '../output/cells.ts'
import { formatRecord } from '../output/record.ts'
import { addDestructiveVerb } from './destructive.ts'
import { addList } from './list.ts'
import { addVerb } from './verb.ts'

interface AgentFilterOptions {
  readonly status?: AgentInfo['status']
  readonly type?: string
  readonly capability?: string
}

function addAgentList(agents: Command): void {
  addList<AgentInfo, AgentFilterOptions>(agents, {
    name: 'ls',
    description: 'list agents by name',
    addOptions: (command) =>
      command
        .addOption(
          new Option('--status <status>', 'only those with this status').choices([
            'idle',
            'active',
            'draining',
            'offline',
          ]),
        )
        .option('--type <type>', 'only those of this type')
        .option('--capability <capability>', 'only those with this capability'),
    maxPage: 1_000,
    load: async (client, request, { status, type, capability }) => {
      const page = await client.agents.list({ status, type, capability, ...request })
      return { rows: page.agents, nextCursor: page.nextCursor }
    },
    columns: () => ({
      name: ({ name }) => name,
      status: ({ status, paused }) => (paused ? `${status}, paused` : status),
      role: ({ role }) => role,
      type: ({ type }) => type,
      active: ({ lastActivityAt }) => formatAge(lastActivityAt),
      capabilities: ({ capabilities }) => capabilities.join(' '),
    }),
    none: 'no agents',
  })
}

interface PauseOptions {
  readonly epic?: string
  readonly everyone?: boolean
  readonly reason?: string
}

type PauseResult = Awaited<ReturnType<Client['agents']['pause']>>

const pauseText = ({ scope, subject, paused }: PauseResult): string =>
  `the ${scope} ${subject} is ${paused ? 'paused' : 'running'}`

function addPauses(agents: Command): void {
  for (const verb of ['pause', 'resume'] as const) {
    addVerb<PauseOptions, PauseResult>(agents, {
      name: verb,
      usage: '[agent]',
      description: `${verb} an agent, the tasks of an epic, or every agent`,
      addOptions: (command) =>
        command
          .option('--epic <epic>', 'the tasks of this epic')
          .option('--everyone', 'every agent of the project, later ones too')
          .option('--reason <text>', 'the reason, for the record'),
      run: ({ client, values: [agent], options: { epic, everyone, reason } }) => {
        if ([agent, epic, everyone].filter(Boolean).length !== 1)
          throw new CommandError(usageExitCode, 'name one of an agent, --epic and --everyone')
        return client.agents[verb]({ agent, epic, reason, ...(everyone ? { all: true } : {}) })
      },
      format: pauseText,
    })
  }
}

/** Adds `tony-mcp agents`. */
export function addAgentCommands(tony: Command): void {
  const agents = tony.command('agents')
  addAgentList(agents)
  addVerb<object, AgentInfo>(agents, {
    name: 'show',
    usage: '<agent>',
    description: 'show everything about an agent',
    run: ({ client, values: [agent = ''] }) => client.agents.get({ agent }),
    format: formatRecord,
  })
  addPauses(agents)
  addVerb<object, AgentInfo>(agents, {
    name: 'drain',
    usage: '<agent>',
    description: 'let an agent finish its leases and get nothing new',
    run: ({ client, values: [agent = ''] }) => client.agents.drain({ agent }),
    format: ({ name, status }) => `${name}  ${status}`,
  })
  addDestructiveVerb<object, Awaited<ReturnType<Client['agents']['unregister']>>>(agents, {
    name: 'rm',
    usage: '<agent>',
    description: 'unregister an agent and release its leases',
    effects: async ({ client, values: [agent = ''] }) => {
      const { id, name, status } = await client.agents.get({ agent })
      return [{ id, text: `${name}  ${status}` }]
    },
    run: ({ client }, [effect]) => client.agents.unregister({ agent: effect?.id }),
    format: ({ agentId, releasedLeases }) => `${agentId} is unregistered, ${releasedLeases} leases are released`,
  })
}
