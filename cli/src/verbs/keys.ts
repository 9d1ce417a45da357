import type { Client } from '@tony/mcp-client'
import { type Command, Option } from 'commander'
import { addRotateCommand } from '../database-commands.ts'
import { parseDuration } from '../options.ts'
import { formatAge } from '../output/cells.ts'
import { addDestructiveVerb } from './destructive.ts'
import { addList } from './list.ts'
import { addVerb, collect, parseCount } from './verb.ts'

type KeyProcedures = Client['auth']['keys']
type KeyInput = Parameters<KeyProcedures['create']>[0]
type Key = Awaited<ReturnType<KeyProcedures['list']>>['keys'][number]

interface KeyOptions {
  readonly role?: KeyInput['roleCeiling']
  readonly scope?: KeyInput['scopes']
  readonly life?: number
  readonly maxUses?: number
  readonly cidr?: readonly string[]
}

function addCreateVerb(keys: Command): void {
  addVerb<KeyOptions, Awaited<ReturnType<KeyProcedures['create']>>>(keys, {
    name: 'create',
    usage: '<name>',
    description: 'create an API key and print it: the server keeps no copy',
    addOptions: (command) =>
      command
        .addOption(
          new Option('--role <role>', 'the highest role it grants').choices([
            'observer',
            'tester',
            'developer',
            'tech-lead',
            'admin',
          ]),
        )
        .option('--scope <scope>', 'a permission it has, such as tasks:read; repeat it for several', collect)
        .option('--life <duration>', 'how long it is valid, such as 30d', parseDuration)
        .option('--max-uses <n>', 'how often it can be used', parseCount)
        .option('--cidr <block>', 'the addresses that may use it; repeat it for several', collect),
    run: ({ client, values: [name = ''], options: { role, scope, life, maxUses, cidr } }) =>
      client.auth.keys.create({ name, roleCeiling: role, scopes: scope, lifeMs: life, maxUses, cidrs: cidr }),
    format: ({ key }) => key,
  })
}

/** Adds `tony-mcp keys`. */
export function addKeyCommands(tony: Command): void {
  const keys = tony.command('keys')
  addList<Key, { readonly revoked?: boolean }>(keys, {
    name: 'ls',
    description: 'list the API keys, without their secrets',
    addOptions: (command) => command.option('--revoked', 'the revoked and expired ones too'),
    load: async (client, { limit }, { revoked }) => {
      const page = await client.auth.keys.list({ all: revoked, limit: Math.min(limit, 500) })
      return { rows: page.keys, nextCursor: null }
    },
    columns: () => ({
      id: ({ keyId }) => keyId,
      name: ({ name }) => name,
      role: ({ roleCeiling }) => roleCeiling,
      uses: ({ uses, maxUses }) => (maxUses === null ? uses : `${uses} of ${maxUses}`),
      used: ({ lastUsedAt }) => formatAge(lastUsedAt),
      expires: ({ expiresAt }) => expiresAt,
      scopes: ({ scopes }) => scopes.join(' '),
    }),
    none: 'no keys',
  })
  addCreateVerb(keys)
  addDestructiveVerb<object, Awaited<ReturnType<KeyProcedures['revoke']>>>(keys, {
    name: 'revoke',
    usage: '<key>',
    description: 'end an API key and the sessions that it began',
    effects: async ({ values: [keyId = ''] }) => [{ id: keyId, text: 'this key and its sessions' }],
    run: ({ client, values: [keyId = ''] }) => client.auth.keys.revoke({ keyId }),
    format: ({ keyId, revokedSessions }) => `${keyId} is revoked, and so are ${revokedSessions} sessions`,
  })
  addRotateCommand(keys)
}
