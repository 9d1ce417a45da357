import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** Where a session works. */
export interface Workspace {
  /** The root of the checkout, or the folder itself where there is none. */
  readonly root: string
  /** What the project is called: the name of the repository's folder, the same in all its work trees. */
  readonly name: string
}

/** The `.git` of a work tree is a file that names the folder of the repository it belongs to. */
function repositoryOf(git: string): string {
  if (statSync(git).isDirectory()) return dirname(git)
  const [, folder] = /^gitdir: (.+?)\/\.git\/worktrees\//.exec(readFileSync(git, 'utf8')) ?? []
  return folder ?? dirname(git)
}

export function workspaceOf(folder: string): Workspace {
  for (let root = resolve(folder); ; root = dirname(root)) {
    const git = resolve(root, '.git')
    if (existsSync(git)) return { root, name: basename(repositoryOf(git)) }
    if (root === dirname(root)) return { root: resolve(folder), name: basename(resolve(folder)) || 'workspace' }
  }
}
