import { cycles } from './cycles.ts'
import { layers, unknownLayers } from './layers.ts'
import * as owners from './owners.ts'
import { plantedHabits } from './planted-habits.ts'
import type { Planted, Rule } from './source.ts'

const task = 'server/src/operations/tasks/claim.ts'

const wrongLayers: readonly Planted[] = [
  [
    'a noun that imports another',
    task,
    "import { x } from '../agents/get.ts'",
    'the operations of tasks import those of agents',
  ],
  [
    'a noun that imports a type of another',
    task,
    "import type { X } from '../agents/get.ts'",
    'the operations of tasks import those of agents',
  ],
  [
    'a dynamic import of another noun',
    task,
    "const x = await import('../plans/add.ts')",
    'the operations of tasks import those of plans',
  ],
  ['an operation that imports the edge', task, "import { x } from '../../api/errors.ts'", 'operations imports api'],
  [
    'the platform that imports the store',
    'server/src/platform/a.ts',
    "import { x } from '../store/store.ts'",
    'platform imports store',
  ],
  [
    'the configuration that imports the domain',
    'server/src/config.ts',
    "import type { X } from './domain/context.ts'",
    'platform imports domain',
  ],
  [
    'the store that imports an operation',
    'server/src/store/a.ts',
    "import { x } from '../operations/tasks/claim.ts'",
    'store imports operations',
  ],
  [
    'the domain that imports an operation',
    'server/src/domain/tasks/a.ts',
    "import { x } from '../../operations/tasks/claim.ts'",
    'domain imports operations',
  ],
  [
    'a guard that imports an operation',
    'server/src/guards/a.ts',
    "import { x } from '../operations/tasks/claim.ts'",
    'guards imports operations',
  ],
  [
    'a guard that imports the API',
    'server/src/guards/a.ts',
    "import { x } from '../api/router.ts'",
    'guards imports api',
  ],
  [
    'a transport that imports an operation',
    'server/src/transports/ws/a.ts',
    "import { x } from '../../operations/tasks/claim.ts'",
    'transports imports operations',
  ],
  [
    'the contract that imports the server',
    'shared/src/a.ts',
    "import { x } from '@tony/mcp-server/platform/clock'",
    'shared imports platform',
  ],
  [
    'the client that imports the server',
    'client/src/a.ts',
    "import type { X } from '@tony/mcp-server/api/router'",
    'client imports api',
  ],
  ['the server that imports the client', task, "export { x } from '@tony/mcp-client'", 'operations imports client'],
  [
    'the command line that reaches into the store',
    'cli/src/a.ts',
    "import { x } from '@tony/mcp-server/store/sqlite'",
    'cli imports store',
  ],
].map(([what = '', path = '', text = '', says = '']) => ({
  what,
  rule: layers,
  files: { [path]: text },
  says: [`${path}:1: ${says}`],
}))

const rightLayers: readonly Planted[] = [
  [
    task,
    "import { x } from '../../domain/tasks/lease.ts'\nimport { y } from '../../store/store.ts'\nimport { z } from './get.ts'",
  ],
  [
    'server/src/sweeps/a.ts',
    "import { x } from '../operations/messages/nak.ts'\nimport { y } from '../domain/tasks/lease.ts'",
  ],
  ['server/src/api/a.ts', "import { x } from '../guards/observe.ts'\nimport { y } from '../operations/tasks/claim.ts'"],
  ['server/src/domain/tasks/a.ts', "import { x } from '../projects/epics.ts'"],
  ['cli/src/a.ts', "import { x } from '@tony/mcp-client'\nimport { main } from '@tony/mcp-server/main'"],
].map(([path = '', text = '']) => ({
  what: `${path}, whose imports are right`,
  rule: layers,
  files: { [path]: text },
  says: [],
}))

const unknownFolder: Planted = {
  what: 'a folder that is no layer',
  rule: unknownLayers,
  files: { 'server/src/gadgets/a.ts': '' },
  says: ['server/src/gadgets/a.ts'],
}

const strangers: readonly (readonly [what: string, rule: Rule, path: string, text: string])[] = [
  ['pino elsewhere', owners.packageOwners, task, "import pino from 'pino'"],
  [
    'a type of pino elsewhere',
    owners.packageOwners,
    'server/src/platform/metrics.ts',
    "import type { Logger } from 'pino'",
  ],
  ['a driver elsewhere', owners.packageOwners, task, "import Database from 'better-sqlite3'"],
  [
    'a driver of the builder elsewhere',
    owners.packageOwners,
    'cli/src/a.ts',
    "import { drizzle } from 'drizzle-orm/better-sqlite3'",
  ],
  ['jose elsewhere', owners.packageOwners, 'server/src/guards/a.ts', "import { jwtVerify } from 'jose'"],
  ['tRPC in an operation', owners.pureOperations, task, "import { TRPCError } from '@trpc/server'"],
  ['the log in a sweep', owners.pureOperations, 'server/src/sweeps/a.ts', "import type { Logger } from 'pino'"],
  ['the environment elsewhere', owners.expressionOwners, task, 'const port = process.env.PORT'],
  ['the wall clock elsewhere', owners.expressionOwners, task, 'const now = Date.now()'],
  ['the wall clock by another door', owners.expressionOwners, task, 'const now = new Date()'],
  ['chance elsewhere', owners.expressionOwners, task, 'const jitter = Math.random()'],
  ['a timer elsewhere', owners.expressionOwners, 'server/src/transports/ws/a.ts', 'setTimeout(() => x(), 5)'],
  ['a fetch elsewhere', owners.diallingOut, task, 'const answer = await fetch(input.url)'],
  ['a fetch by another door', owners.diallingOut, task, 'const call = globalThis.fetch'],
  [
    'a request elsewhere',
    owners.diallingOut,
    'server/src/transports/http/a.ts',
    "import { request } from 'node:https'",
  ],
  ['a connection elsewhere', owners.diallingOut, task, "import net from 'node:net'"],
  ['a socket elsewhere', owners.diallingOut, task, "import { WebSocket } from 'ws'"],
  ['a socket of the platform', owners.diallingOut, task, "const socket = new WebSocket('ws://a')"],
  ['a name that is looked up', owners.diallingOut, task, "import { lookup } from 'node:dns/promises'"],
  [
    'a program that is run',
    owners.diallingOut,
    'server/src/maintenance/a.ts',
    "import { exec } from 'node:child_process'",
  ],
  [
    'keys that are fetched for a token',
    owners.diallingOut,
    'server/src/domain/identity/a.ts',
    "import { createRemoteJWKSet } from 'jose'",
  ],
  ['a module that is loaded late', owners.diallingOut, task, "const { request } = await import('node:http')"],
  ['a timer handed on', owners.expressionOwners, task, 'const run = { timer: setInterval }'],
]

const ofOwners = strangers.map(([what, rule, path, text]) => ({
  what,
  rule,
  files: { [path]: text },
  says: [`${path}:1`],
}))

const ownersAtHome: Planted = {
  what: 'owners in their place',
  rule: (sources) =>
    [owners.packageOwners, owners.expressionOwners, owners.diallingOut].flatMap((rule) => rule(sources)),
  files: {
    'server/src/platform/log.ts': "import pino from 'pino'",
    'server/src/platform/clock.ts': 'setTimeout(() => x(Date.now(), Math.random()), 5)',
    'server/src/main.ts': 'start(process.env)',
    'server/src/domain/identity/issuers/public-keys.ts': 'const answer = await fetch(uri)',
    'server/src/transports/ws/endpoint.ts': "import { WebSocketServer, type WebSocket } from 'ws'\nlet ws: WebSocket",
    'client/src/a.ts': 'setInterval(() => new Date(), 5)',
    [task]: "import { eq } from 'drizzle-orm'\nconst at = new Date(5)\nclock.setTimeout()\nconst Date = { then: 1 }",
  },
  says: [],
}

const ofCycles: readonly Planted[] = [
  {
    what: 'a circle of two',
    rule: cycles,
    files: { 'server/src/tasks/a.ts': "import './b.ts'", 'server/src/tasks/b.ts': "import { x } from './a.ts'" },
    says: ['server/src/tasks/a.ts → server/src/tasks/b.ts → server/src/tasks/a.ts'],
  },
  {
    what: 'a circle of three behind others',
    rule: cycles,
    files: {
      'cli/src/z.ts': "import './a.ts'",
      'cli/src/a.ts': "import './b.ts'",
      'cli/src/b.ts': "import './c.ts'",
      'cli/src/c.ts': "export { x } from './a.ts'",
    },
    says: ['cli/src/a.ts → cli/src/b.ts → cli/src/c.ts → cli/src/a.ts'],
  },
  {
    what: 'a circle that only types close',
    rule: cycles,
    files: {
      'cli/src/a.ts': "import './b.ts'",
      'cli/src/b.ts': "import type { X } from './a.ts'\nimport { type Y } from './a.ts'",
    },
    says: ['cli/src/a.ts → cli/src/b.ts → cli/src/a.ts'],
  },
]

export const planted: readonly Planted[] = [
  ...wrongLayers,
  ...rightLayers,
  unknownFolder,
  ...ofOwners,
  ownersAtHome,
  ...ofCycles,
  ...plantedHabits,
]
