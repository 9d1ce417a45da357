import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { Guarded } from './given.ts'

const sample = fileURLToPath(new URL('../../plans/sample.jsonl', import.meta.url))
const { folder, tony, tonyWith, remove } = command()
afterAll(remove)

const file = (name: string, content: string, mode = 0o600): string => {
  const path = join(folder, name)
  writeFileSync(path, content, { mode })
  return path
}

test('import sends the credential of a file, which an option or a variable names, or of a variable', async () => {
  await using guarded = await Guarded.start()
  const { server } = guarded
  const to = ['import', sample, '--url', server.url]
  const { key } = await guarded.key({ roleCeiling: 'tech-lead', scopes: ['plans:write'] })
  const without = await tony(...to)
  expect([without.code, without.stderr]).toEqual([4, expect.stringContaining('UNAUTHENTICATED')])
  const first = await tony(...to, '--token-file', file('key', `${key}\n`))
  expect([first.code, first.stderr]).toEqual([0, ''])
  expect(first.stdout).toContain('created 63')
  const named = await tonyWith({ TONY_TOKEN_FILE: file('key', key), TONY_TOKEN: 'another' })(...to)
  expect(named.stdout).toContain('unchanged 63')
  expect((await tonyWith({ TONY_TOKEN: key })(...to)).stdout).toContain('unchanged 63')
  const wrong = await tonyWith({ TONY_TOKEN: `${key}x` })(...to)
  expect([wrong.code, wrong.stderr.includes(key)]).toEqual([4, false])
  const narrow = await guarded.key({ roleCeiling: 'observer', scopes: ['*'] })
  expect((await tonyWith({ TONY_TOKEN: narrow.key })(...to)).code).toBe(4)
})

test('a credential cannot be an option, which would show in the list of processes', async () => {
  const { code, stderr } = await tony('import', sample, '--token', 'tck_secret')
  expect([code, stderr]).toEqual([2, expect.stringContaining("unknown option '--token'")])
  expect((await tony('import', '--help')).stdout).not.toMatch(/--token /)
})

test('a file without a credential, or an unreadable one, is named with exit code 2, and a readable one of all users causes a warning', async () => {
  const to = ['import', sample, '--url', 'http://127.0.0.1:1', '--token-file']
  for (const [path, says] of [
    [join(folder, 'absent'), 'cannot be read'],
    [file('empty', ' \n'), 'holds no token'],
    [file('two', 'a b'), 'holds no token'],
  ] as const) {
    const { code, stderr } = await tony(...to, path)
    expect([code, stderr]).toEqual([2, expect.stringContaining(`the token file ${path} ${says}`)])
  }
  await using guarded = await Guarded.start()
  const open = file('open', guarded.adminKey, 0o644)
  const { code, stderr } = await tony('import', sample, '--url', guarded.server.url, '--token-file', open)
  expect([code, stderr]).toEqual([0, `warning: ${open} can be read by others: chmod 600 ${open}\n`])
})
