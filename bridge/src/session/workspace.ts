import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** The workspace of a host session. */
export interface Workspace {
  /** Root of the checkout, or the folder itself if it is in none. */
  readonly root: string
  /** Name of the project: that of the repository's folder, the same in all its work trees. */
  readonly name: string
}

/** The folder of a bare repository that only says that it is one, such as `.bare`. */
const bareFolderPattern = /^\.?(?:bare|git|repo)$/

/**
 * Returns the path whose last part is the name of the repository. `git` is the path of a `.git`. In
 * a work tree it is a file that names the folder of its repository: a bare repository, or the
 * folder `.git` of the main checkout.
 */
function repositoryOf(git: string): string {
  if (statSync(git).isDirectory()) return dirname(git)
  const [, folder] = /^gitdir: (.+?)\/worktrees\/[^/]+\s*$/m.exec(readFileSync(git, 'utf8')) ?? []
  if (folder === undefined) return dirname(git)
  const repository = resolve(dirname(git), folder)
  return bareFolderPattern.test(basename(repository)) ? dirname(repository) : repository.replace(/\.git$/, '')
}

export function workspaceOf(folder: string): Workspace {
  for (let root = resolve(folder); ; root = dirname(root)) {
    const git = resolve(root, '.git')
    if (existsSync(git)) return { root, name: basename(repositoryOf(git)) }
    if (root === dirname(root)) return { root: resolve(folder), name: basename(resolve(folder)) || 'workspace' }
  }
}
