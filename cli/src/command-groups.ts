import type { Command } from 'commander'

type CommandAdder = (tony: Command) => void | Promise<void>

/** A command directly below `tony-mcp`, with everything below it. */
export interface CommandGroup {
  readonly name: string
  readonly description: string
  /** Loads the function that adds the command. Each command loads its own code only. */
  readonly load: () => Promise<CommandAdder>
}

const loadServerCommands = () => import('./server-commands.ts')
const loadDatabaseCommands = async () => (await import('./database-commands.ts')).addDatabaseCommands

/**
 * Every command, in the order of the help. Help, completion and docs have their descriptions from
 * here.
 */
export const commandGroups: readonly CommandGroup[] = [
  {
    name: 'dev',
    description: 'run the server for this machine only: callers on it need no credential',
    load: async () => (await loadServerCommands()).addDevCommand,
  },
  {
    name: 'serve',
    description: 'run the server (configured by the environment: MCP_PORT, DATABASE_PATH, …)',
    load: async () => (await loadServerCommands()).addServeCommand,
  },
  {
    name: 'demo',
    description: 'run a few agents on a small plan at a server of their own, and check the run',
    load: async () => (await import('./demo/command.ts')).addDemoCommand,
  },
  {
    name: 'top',
    description: 'show live the work of each agent, and the stuck tasks with their reasons',
    load: async () => (await import('./top/command.ts')).addTopCommand,
  },
  {
    name: 'explain',
    description: 'tell why a task is not running',
    load: async () => (await import('./verbs/explain.ts')).addExplainCommand,
  },
  {
    name: 'watch',
    description: 'print the events of the feed as they commit',
    load: async () => (await import('./verbs/watch.ts')).addWatchCommand,
  },
  {
    name: 'tasks',
    description: 'list, show, create and change tasks',
    load: async () => (await import('./verbs/tasks.ts')).addTaskCommands,
  },
  {
    name: 'agents',
    description: 'list, pause, drain and remove agents',
    load: async () => (await import('./verbs/agents.ts')).addAgentCommands,
  },
  {
    name: 'messages',
    description: 'list, show and send messages',
    load: async () => (await import('./verbs/messages.ts')).addMessageCommands,
  },
  {
    name: 'dlq',
    description: 'list, redrive and purge dead letters',
    load: async () => (await import('./verbs/dead-letters.ts')).addDeadLetterCommands,
  },
  {
    name: 'locks',
    description: 'list the held locks and the pools',
    load: async () => (await import('./verbs/locks.ts')).addLockCommand,
  },
  {
    name: 'projects',
    description: 'list, create and pause projects',
    load: async () => (await import('./verbs/projects.ts')).addProjectCommands,
  },
  {
    name: 'keys',
    description: 'API keys, and the keys that access tokens are signed with',
    load: async () => (await import('./verbs/keys.ts')).addKeyCommands,
  },
  {
    name: 'webhooks',
    description: 'send events to URLs',
    load: async () => (await import('./verbs/webhooks.ts')).addWebhookCommands,
  },
  {
    name: 'api',
    description: 'call any procedure of the server',
    load: async () => (await import('./api/command.ts')).addApiCommand,
  },
  {
    name: 'wait',
    description: 'wait until there is a task or a message, without taking it',
    load: async () => (await import('./wait.ts')).addWaitCommand,
  },
  {
    name: 'run',
    description: 'start a command for each task, and complete or fail the task by its exit code and result file',
    load: async () => (await import('./run/command.ts')).addRunCommand,
  },
  {
    name: 'import',
    description:
      'import a plan into a project, or follow it: beads, Task Master, GitHub issues, a checklist; - is standard input',
    load: async () => (await import('./import-command.ts')).addImportCommand,
  },
  {
    name: 'export',
    description: 'write all tasks of a project, with what became of them, as JSON or for another tool',
    load: async () => (await import('./export/command.ts')).addExportCommand,
  },
  {
    name: 'mcp',
    description: 'serve one coding agent on standard input and output (configured by the environment: TONY_MCP_URL, …)',
    load: async () => (await loadServerCommands()).addMcpCommand,
  },
  {
    name: 'hook',
    description: 'print messages and notices for the coding agent of this host; run by the host',
    load: async () => (await import('./hook.ts')).addHookCommand,
  },
  {
    name: 'plugin',
    description: 'write, run and test plugins',
    load: async () => (await import('./plugin/commands.ts')).addPluginCommands,
  },
  {
    name: 'backup',
    description: 'write a checked backup of the database; a server may be running',
    load: loadDatabaseCommands,
  },
  {
    name: 'verify',
    description: 'check that a backup is complete, unchanged and readable by this version',
    load: loadDatabaseCommands,
  },
  {
    name: 'restore',
    description: 'put a backup in the place of the database; what was there is kept beside it',
    load: loadDatabaseCommands,
  },
  {
    name: 'move',
    description:
      'copy the projects of an SQLite file with their history to PostgreSQL and check the copy; resumes if interrupted',
    load: loadDatabaseCommands,
  },
  { name: 'migrate', description: 'the schema of the database', load: loadDatabaseCommands },
  {
    name: 'doctor',
    description: 'check the database and its environment; exit code 1 if a check fails',
    load: loadDatabaseCommands,
  },
  {
    name: 'context',
    description: 'save servers under names, and choose the one that commands call',
    load: async () => (await import('./contexts/commands.ts')).addContextCommands,
  },
  {
    name: 'config',
    description: 'show the settings of commands and where each comes from',
    load: async () => (await import('./contexts/commands.ts')).addConfigCommand,
  },
  {
    name: 'completion',
    description: 'print a script that completes commands and options: eval "$(tony-mcp completion bash)"',
    load: async () => (await import('./completion.ts')).addCompletionCommand,
  },
]
