import type { Client, Project } from '@tony/mcp-client'
import type { Command } from 'commander'
import { formatAge } from '../output/cells.ts'
import { formatRecord } from '../output/record.ts'
import { addList } from './list.ts'
import { addVerb } from './verb.ts'

function addProjectChanges(projects: Command): void {
  addVerb<{ readonly path?: string }, Project>(projects, {
    name: 'create',
    usage: '<name>',
    description: 'create a project and print its id; needs the role admin, or a server in dev mode',
    addOptions: (command) => command.option('--path <path>', 'the folder of its work'),
    run: ({ client, values: [name = ''], options: { path } }) => client.projects.create({ name, path }),
    format: ({ id }) => id,
  })
  for (const verb of ['pause', 'resume'] as const) {
    addVerb<{ readonly reason?: string }, Project>(projects, {
      name: verb,
      description: `${verb} the project of the caller`,
      addOptions: (command) => command.option('--reason <text>', 'the reason, for the record'),
      run: ({ client, options: { reason } }) => client.projects[verb]({ reason }),
      format: ({ name, pausedAt }) => `${name} is ${pausedAt === null ? 'running' : 'paused'}`,
    })
  }
}

/** Adds `tony-mcp projects`. */
export function addProjectCommands(tony: Command): void {
  const projects = tony.command('projects')
  addList<Project, object>(projects, {
    name: 'ls',
    description: 'list the projects that the caller sees',
    load: async (client) => ({ rows: (await client.projects.list({})).projects, nextCursor: null }),
    columns: () => ({
      name: ({ name }) => name,
      id: ({ id }) => id,
      created: ({ createdAt }) => formatAge(createdAt),
      paused: ({ pausedAt }) => formatAge(pausedAt),
      path: ({ path }) => path,
    }),
    none: 'no projects',
  })
  addVerb<object, Awaited<ReturnType<Client['projects']['get']>>>(projects, {
    name: 'show',
    usage: '[project]',
    description: 'show a project with its counts, epics and pools',
    run: ({ client, values: [project] }) => client.projects.get({ project }),
    format: formatRecord,
  })
  addProjectChanges(projects)
}
