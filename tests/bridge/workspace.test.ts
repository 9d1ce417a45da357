import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { takeSlot } from '@tony/mcp-bridge/session/slots'
import { workspaceOf } from '@tony/mcp-bridge/session/workspace'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tony-workspace-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['the .git of a checkout', 'shop/.git/worktrees/feature', 'shop'],
  ['a bare repository beside its work trees', 'shop/.bare/worktrees/feature', 'shop'],
  ['a bare repository with a name', 'api.git/worktrees/feature', 'api'],
])('a work tree of %s has the name of the repository', (_, repository, name) => {
  const tree = join(folder, 'trees', 'feature')
  mkdirSync(tree, { recursive: true })
  writeFileSync(join(tree, '.git'), `gitdir: ${join(folder, repository)}\n`)
  expect(workspaceOf(tree)).toEqual({ root: tree, name })
})

test('the name of an agent has the characters of its workspace, in any script', () => {
  const { name, release } = takeSlot(folder, 'a session', { root: folder, name: 'Склад № 7' })
  expect(name).toMatch(/^Склад-7-[0-9a-f]{8}$/)
  release()
})
