import { procedures } from '@tony/mcp-server/api/pipeline'
import { type Permission, policy } from '@tony/mcp-shared/policy'
import { roles } from '@tony/mcp-shared/roles'
import { describe, expect, test } from 'vitest'

/**
 * The promised procedures with the kind and the lowest role of each, agreed before there was code.
 * The list is written by hand. The test compares the router with it, and a difference needs a
 * decision.
 */
const agreed = {
  projects: {
    create: 'M admin',
    list: 'Q observer',
    get: 'Q observer',
    pause: 'M tech-lead',
    resume: 'M tech-lead',
    setPools: 'M tech-lead',
  },
  agents: {
    register: 'M credential',
    heartbeat: 'M observer',
    get: 'Q observer',
    list: 'Q observer',
    update: 'M self',
    pause: 'M tech-lead',
    resume: 'M tech-lead',
    drain: 'M tech-lead',
    unregister: 'M self or tech-lead',
  },
  plans: { begin: 'M tech-lead', add: 'M tech-lead', commit: 'M tech-lead', abort: 'M tech-lead' },
  tasks: {
    create: 'M tech-lead',
    createMany: 'M tech-lead',
    claim: 'M developer',
    next: 'M developer',
    extend: 'M developer',
    progress: 'M developer',
    complete: 'M developer',
    fail: 'M developer',
    release: 'M developer',
    requestInput: 'M developer',
    lock: 'M developer',
    work: 'S developer',
    provideInput: 'M tech-lead',
    update: 'M tech-lead',
    cancel: 'M tech-lead',
    cancelMany: 'M tech-lead',
    hold: 'M tech-lead',
    unhold: 'M tech-lead',
    retry: 'M tech-lead',
    retryMany: 'M tech-lead',
    adopt: 'M tech-lead',
    verify: 'M tester',
    get: 'Q observer',
    list: 'Q observer',
    tree: 'Q observer',
    explain: 'Q observer',
  },
  messages: {
    send: 'M developer',
    sendMany: 'M developer',
    receive: 'M own',
    ack: 'M own',
    nak: 'M own',
    term: 'M own',
    inProgress: 'M own',
    inbox: 'S own',
    subscribe: 'M own',
    unsubscribe: 'M own',
    get: 'Q participant or tech-lead',
    list: 'Q participant or tech-lead',
    thread: 'Q participant or tech-lead',
    'deadLetters.list': 'Q unsaid',
    'deadLetters.redrive': 'M tech-lead',
    'deadLetters.purge': 'M tech-lead',
  },
  requests: { route: 'M developer', reply: 'M developer' },
  events: { subscribe: 'S observer', list: 'Q observer' },
  health: { report: 'M self', summary: 'Q observer', history: 'Q observer' },
  auth: {
    refresh: 'M refresh token',
    renew: 'M self',
    revoke: 'M self, tech-lead or admin',
    whoami: 'Q any',
    'keys.create': 'M admin',
    'keys.rotate': 'M admin',
    'keys.revoke': 'M admin',
    'keys.list': 'Q admin',
    'sessions.list': 'Q tech-lead',
  },
  audit: { list: 'Q tech-lead' },
  // Beyond the first agreement: a dead letter needs a redrive, and a new endpoint a test.
  webhooks: {
    create: 'M tech-lead',
    rotate: 'M tech-lead',
    delete: 'M tech-lead',
    list: 'Q tech-lead',
    deliveries: 'Q tech-lead',
    redrive: 'M tech-lead',
    test: 'M tech-lead',
  },
  // Beyond the first agreement: the holders of locks and the tasks that wait for them.
  locks: { list: 'Q observer' },
  // Beyond the first agreement: the bridge of an idle session reports each provider that it tries.
  wakes: { announce: 'M own', attempt: 'M own', giveUp: 'M own' },
  // Beyond the first agreement: a chart needs the past, which a scrape of metrics does not keep.
  system: { info: 'Q open', metrics: 'Q observer', history: 'Q observer', backup: 'M admin' },
} as const satisfies Record<string, Record<string, `${'M' | 'Q' | 'S'} ${string}`>>

/** Agreed procedures that do not exist yet. An existing procedure must not be in this list. */
const laterWork: readonly string[] = []

/** The lowest role for each entry of the agreement that names no role. */
const whoOtherwise: Readonly<Record<string, string>> = {
  // The operation acts on the caller alone, or checks the role itself.
  self: 'observer',
  'self or tech-lead': 'observer',
  'self, tech-lead or admin': 'observer',
  own: 'observer',
  'participant or tech-lead': 'observer',
  // The operation lists the caller's own objects, and all objects for a tech lead.
  unsaid: 'observer',
  any: 'observer',
  // The operation has no caller: its input contains the credential.
  open: 'open',
  'refresh token': 'open',
  // A credential registers agents up to its role ceiling. Agents have no credential; of their roles
  // only a tech lead may register others.
  credential: 'tech-lead',
}

/**
 * The procedures whose permission admits lower roles than the agreement, because the operation
 * decides by the caller's lease or message.
 */
const opened: Readonly<Record<string, { lowest: string; because: string }>> = {
  'tasks.create': { lowest: 'developer', because: 'developer and tester may, under a task they hold' },
  'tasks.createMany': { lowest: 'developer', because: 'developer and tester may, under a task they hold' },
  'tasks.adopt': { lowest: 'developer', because: 'the current holder may adopt a late result of its task' },
}

const kinds: Readonly<Record<string, string>> = { M: 'mutation', Q: 'query', S: 'subscription' }

interface Promised {
  readonly kind: string | undefined
  readonly lowest: string
}

const promised: ReadonlyMap<string, Promised> = new Map(
  Object.entries(agreed).flatMap(([noun, verbs]) =>
    Object.entries(verbs).map(([verb, cell]) => {
      const path = `${noun}.${verb}`
      const who = cell.slice(2)
      return [
        path,
        { kind: kinds[cell.slice(0, 1)], lowest: opened[path]?.lowest ?? whoOtherwise[who] ?? who },
      ] as const
    }),
  ),
)

/** Returns the lowest role with a permission. */
function lowestRole(permission: Permission | 'open'): string {
  if (permission === 'open') return 'open'
  const holders = roles.filter((role) => policy[role].has(permission))
  return holders.toSorted((a, b) => policy[a].size - policy[b].size)[0] ?? 'nobody'
}

describe('the router against the agreement:', () => {
  test('every agreed procedure exists, except later work', () => {
    expect([...promised.keys()].filter((path) => !procedures.has(path) && !laterWork.includes(path))).toEqual([])
  })

  test('every existing procedure is agreed', () => {
    expect([...procedures.keys()].filter((path) => !promised.has(path))).toEqual([])
  })

  test('later work is agreed and does not exist', () => {
    expect(laterWork.filter((path) => !promised.has(path) || procedures.has(path))).toEqual([])
  })

  test('every procedure has the agreed kind', () => {
    const other = [...procedures].filter(([path, { kind }]) => promised.has(path) && promised.get(path)?.kind !== kind)
    expect(other.map(([path, { kind }]) => `${path}: ${kind}`)).toEqual([])
  })

  test('every procedure is for the agreed roles and for no lower one', () => {
    const other = [...procedures].flatMap(([path, { meta }]) => {
      const [wanted, lowest] = [promised.get(path)?.lowest, lowestRole(meta.permission)]
      return wanted === undefined || wanted === lowest ? [] : [`${path}: for ${lowest}, agreed on ${wanted}`]
    })
    expect(other).toEqual([])
  })

  test('a role has the permissions of the lower ones and at least one more', () => {
    const ladder = ['observer', 'developer', 'tester', 'tech-lead', 'admin'] as const
    expect(ladder.toSorted()).toEqual(roles.toSorted())
    for (const [step, role] of ladder.entries()) {
      const below = ladder.slice(0, step)
      for (const lower of below) {
        expect([...policy[lower]].filter((permission) => !policy[role].has(permission))).toEqual([])
        expect(policy[role].size).toBeGreaterThan(policy[lower].size)
      }
    }
  })

  test('every exception is needed: the column of roles alone would be wrong', () => {
    const needless = Object.keys(opened).filter((path) => {
      const [noun = '', verb = ''] = path.split('.')
      const cell = Object.entries(agreed).find(([name]) => name === noun)?.[1]
      return Object.entries(cell ?? {})
        .find(([name]) => name === verb)?.[1]
        .endsWith(opened[path]?.lowest ?? '')
    })
    expect(needless).toEqual([])
  })
})
