import type { Command } from 'commander'
import { addServerOptions, connect, type ServerOptions } from './connection.ts'

interface ProjectOptions extends ServerOptions {
  readonly json: boolean
}

async function createProject(name: string, options: ProjectOptions & { readonly path?: string }): Promise<void> {
  const { project: _, ...server } = options
  const client = connect(server)
  try {
    const created = await client.projects.create({
      name,
      ...(options.path === undefined ? {} : { path: options.path }),
    })
    process.stdout.write(`${options.json ? JSON.stringify(created) : created.id}\n`)
  } finally {
    client.close()
  }
}

async function listProjects(options: ProjectOptions): Promise<void> {
  const client = connect(options)
  try {
    const { projects } = await client.projects.list({})
    const lines = projects.map(({ name, id }) => `${name}  ${id}`)
    process.stdout.write(`${options.json ? JSON.stringify(projects) : lines.join('\n')}\n`)
  } finally {
    client.close()
  }
}

/** Adds `tony-mcp projects create|ls`. */
export function addProjectCommands(tony: Command): void {
  const projects = tony.command('projects').description('the projects of a server')
  addServerOptions(projects.command('create <name>'))
    .description('create a project and print its id; needs the role admin, or a server in dev mode')
    .option('--path <path>', 'the folder of its work')
    .option('--json', 'print the project as JSON', false)
    .action((name: string, options: ProjectOptions & { readonly path?: string }) => createProject(name, options))
  addServerOptions(projects.command('ls'))
    .description('list the projects that the caller sees')
    .option('--json', 'print the projects as JSON', false)
    .action((options: ProjectOptions) => listProjects(options))
}
