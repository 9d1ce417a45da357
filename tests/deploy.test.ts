import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readConfig } from '@tony/mcp-server/config'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { program } from './support/command.ts'
import { textOf } from './support/pages.ts'
import { TestServer } from './support/server.ts'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly ports?: readonly string[]
  readonly deploy?: { readonly replicas: number }
  readonly [key: string]: unknown
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly secrets?: Readonly<Record<string, unknown>>
}

const read = (file: string): Compose => parse(textOf(file), { merge: true })

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of compose
const ourImage = '${TONY_IMAGE:-tony-mcp}'
const ownServices = ({ services }: Compose) => Object.entries(services).filter(([, { image }]) => image === ourImage)

/** Returns a text as a container gets it: with the defaults of its variables and single dollars. */
const interpolated = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll('$$', '$')

const files = ['deploy/sqlite/compose.yaml', 'deploy/postgres/compose.yaml']

describe.each(files)('%s', (file) => {
  const compose = read(file)

  test('sets only variables that the server reads, to values that it takes', () => {
    const known = new Set([...textOf('.env.example').matchAll(/^# ([A-Z_]+)=/gm)].map(([, name]) => name))
    // The client of PostgreSQL reads it, and not our configuration.
    known.add('PGPASSFILE')
    for (const [, { environment = {} }] of ownServices(compose)) {
      expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([])
      const values = Object.entries(environment).map(([name, value]) => [name, interpolated(value)])
      expect(() => readConfig('serve', Object.fromEntries(values))).not.toThrow()
    }
  })

  test('confines each container of the image', () => {
    expect(ownServices(compose).length).toBeGreaterThan(0)
    for (const [name, service] of ownServices(compose))
      expect([name, service]).toMatchObject([
        name,
        { read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] },
      ])
  })

  test('declares each volume and secret, publishes on the loopback alone, and pins the other images', () => {
    for (const { image, volumes = [], secrets = [], ports = [] } of Object.values(compose.services)) {
      const named = volumes.map((volume) => volume.split(':')[0] ?? '').filter((name) => !name.startsWith('.'))
      expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(named))
      expect(Object.keys(compose.secrets ?? {})).toEqual(expect.arrayContaining([...secrets]))
      expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([])
      if (image !== ourImage) expect(image).toMatch(/:\d+(\.\d+)*$/)
    }
  })
})

test('the balancer knows each replica at its port, and asks the path that a draining server refuses', async () => {
  const { services } = read('deploy/postgres/compose.yaml')
  const settings = textOf('deploy/postgres/haproxy.cfg')
  const [, count, host, port] = /server-template \S+ (\d+) (\w+):(\d+)/.exec(settings) ?? []
  expect([Number(count), host]).toEqual([services['tony']?.deploy?.replicas, 'tony'])
  expect(Number(port)).toBe(readConfig('serve', {}).port)
  const [, path] = /option httpchk GET (\S+)/.exec(settings) ?? []
  await using server = await TestServer.start()
  // A health check of HAProxy has no Host header of the server.
  expect((await fetch(`${server.url}${path}`, { headers: { host: 'balancer' } })).status).toBe(200)
})

/** The folders of the containers as folders below another one, with the command on the PATH. */
function givenFolders(folder: string) {
  const below = (name: string) => join(folder, name)
  for (const name of ['data', 'backups', 'tmp', 'bin']) mkdirSync(below(name))
  const shim = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`
  writeFileSync(join(below('bin'), 'tony-mcp'), shim, { mode: 0o755 })
  const { services } = read('deploy/sqlite/compose.yaml')
  const commandOf = (name: string): string[] =>
    (services[name]?.command ?? []).map((word) =>
      interpolated(word).replaceAll(/(?<![\w.])\/(data|backups|tmp)(?![\w-])/g, (_, found: string) => below(found)),
    )
  const PATH = `${below('bin')}:${process.env['PATH']}`
  return { below, commandOf, env: { ...process.env, PATH } }
}

test('the backup and the drill of one server on SQLite run, and the drill fails without the pepper', async () => {
  await using server = await TestServer.start({ config: { durability: 'process' } })
  await server.connect().tasks.create({ type: 'code' })
  const { below, commandOf, env } = givenFolders(server.folder)
  const [command = '', ...argv] = commandOf('backup')
  expect(command).toBe('tony-mcp')
  const child = spawn(command, argv, {
    env: { ...env, DATABASE_PATH: server.database },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  expect(String((await once(child.stdout, 'data'))[0])).toContain(`${below('backups')}/`)
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  const [shell = '', ...script] = commandOf('drill')
  const drill = () => promisify(execFile)(shell, script, { env })
  await expect(drill()).rejects.toThrow('tony-mcp.db.pepper')
  copyFileSync(`${server.database}.pepper`, join(below('data'), 'tony-mcp.db.pepper'))
  const { stdout } = await drill()
  expect(stdout).toContain('is a valid backup')
  expect(stdout).toMatch(/^ok +pepper:/m)
})
