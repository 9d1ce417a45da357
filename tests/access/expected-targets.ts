import type { Role } from '@tony/mcp-shared/roles'

/**
 * The expected reply: a code, `OK`, or `nothing` for a query that finds no row the caller may see.
 */
type Told = string | (Partial<Readonly<Record<Role, string>>> & { readonly others: string })

/** The replies for the caller's own object, for another agent's, and for an absent one. */
export type Targets = readonly [own: Told, others: Told, absent: Told]

/** The caller names no object: it acts on itself or its whole project, or creates something. */
export const noTarget = 'no target'

const leadsOnly = (told: string): Told => ({ 'tech-lead': told, admin: told, others: 'FORBIDDEN' })
const leadsSee = (told: string): Told => ({ 'tech-lead': told, admin: told, others: 'NOT_FOUND' })

/** An admin is a key and not an agent: it has no lease, inbox, request or session of its own. */
const agentsOnly = (told: string): Told => ({ admin: 'FORBIDDEN', others: told })

const anybodys: Targets = ['OK', 'OK', 'NOT_FOUND']
const lease: Targets = [agentsOnly('OK'), agentsOnly('STALE_LEASE'), agentsOnly('NOT_FOUND')]
const mail: Targets = [agentsOnly('OK'), agentsOnly('NOT_FOUND'), agentsOnly('NOT_FOUND')]

/**
 * The replies to a caller with the permission, for its own object, another's and an absent one.
 * They are written by hand from the contract: a tech lead sees and changes everything in its
 * project, and the other roles only their own objects. An object that a caller may not see is
 * reported as absent. A role without the permission is refused for every object. A procedure that
 * is missing here fails the test.
 */
export const expectedTargets: Readonly<Record<string, Targets | typeof noTarget>> = {
  'projects.create': noTarget,
  'projects.list': noTarget,
  'projects.get': ['OK', { admin: 'OK', others: 'NOT_FOUND' }, 'NOT_FOUND'],
  'projects.pause': noTarget,
  'projects.resume': noTarget,
  'projects.setPools': noTarget,
  'agents.register': ['AGENT_NAME_TAKEN', 'AGENT_NAME_TAKEN', 'OK'],
  // A lease that the caller does not hold is listed as lost in the reply, and is not extended.
  'agents.heartbeat': [agentsOnly('OK'), agentsOnly('OK'), agentsOnly('OK')],
  'agents.get': anybodys,
  'agents.list': noTarget,
  'agents.update': noTarget,
  'agents.pause': anybodys,
  'agents.resume': anybodys,
  'agents.drain': anybodys,
  'agents.unregister': [agentsOnly('OK'), leadsOnly('OK'), 'NOT_FOUND'],
  'plans.begin': noTarget,
  'plans.add': anybodys,
  'plans.commit': anybodys,
  'plans.abort': anybodys,
  // Created under a task that the caller holds. An absent parent is a fault of the input, like an
  // absent dependency.
  'tasks.create': ['OK', leadsOnly('OK'), leadsOnly('INVALID_INPUT')],
  'tasks.createMany': ['OK', leadsOnly('OK'), leadsOnly('INVALID_INPUT')],
  'tasks.claim': noTarget,
  'tasks.next': lease,
  'tasks.work': noTarget,
  'tasks.extend': lease,
  'tasks.progress': lease,
  'tasks.complete': lease,
  'tasks.fail': lease,
  'tasks.release': lease,
  'tasks.requestInput': lease,
  'tasks.lock': lease,
  // An agent may not verify a task that it has completed; an admin completes none.
  'tasks.verify': [{ admin: 'OK', others: 'FORBIDDEN' }, 'OK', 'NOT_FOUND'],
  'tasks.provideInput': anybodys,
  'tasks.update': anybodys,
  'tasks.hold': anybodys,
  'tasks.unhold': anybodys,
  'tasks.cancel': anybodys,
  'tasks.cancelMany': ['OK', 'OK', 'OK'],
  'tasks.retry': anybodys,
  'tasks.retryMany': ['OK', 'OK', 'OK'],
  'tasks.adopt': ['OK', leadsOnly('OK'), 'NOT_FOUND'],
  'tasks.get': anybodys,
  'tasks.list': noTarget,
  'tasks.tree': anybodys,
  'tasks.explain': anybodys,
  'locks.list': noTarget,
  'messages.send': anybodys,
  'messages.sendMany': ['OK', 'OK', 'OK'],
  'messages.receive': noTarget,
  'messages.inbox': noTarget,
  'messages.ack': mail,
  'messages.nak': mail,
  'messages.term': mail,
  'messages.inProgress': mail,
  'wakes.announce': noTarget,
  'wakes.attempt': noTarget,
  'wakes.giveUp': noTarget,
  'messages.subscribe': noTarget,
  'messages.unsubscribe': noTarget,
  'messages.get': ['OK', leadsSee('OK'), 'NOT_FOUND'],
  'messages.list': [agentsOnly('OK'), leadsSee('OK'), 'NOT_FOUND'],
  'messages.thread': ['OK', leadsSee('OK'), 'NOT_FOUND'],
  'messages.deadLetters.list': ['OK', { 'tech-lead': 'OK', admin: 'OK', others: 'nothing' }, 'NOT_FOUND'],
  'messages.deadLetters.redrive': ['OK', 'OK', 'NOT_FOUND'],
  'messages.deadLetters.purge': ['OK', 'OK', 'NOT_FOUND'],
  'requests.route': anybodys,
  'requests.reply': mail,
  'events.subscribe': noTarget,
  'events.list': noTarget,
  'health.report': noTarget,
  'health.summary': noTarget,
  'health.history': anybodys,
  // The token decides whose session is refreshed, and not the caller who sends it.
  'auth.refresh': ['OK', 'OK', 'UNAUTHENTICATED'],
  'auth.renew': [agentsOnly('OK'), 'FORBIDDEN', 'UNAUTHENTICATED'],
  'auth.revoke': [{ admin: 'INVALID_INPUT', others: 'OK' }, leadsOnly('OK'), leadsOnly('NOT_FOUND')],
  'auth.whoami': noTarget,
  'auth.keys.create': noTarget,
  'auth.keys.list': noTarget,
  'auth.keys.rotate': anybodys,
  'auth.keys.revoke': anybodys,
  'auth.sessions.list': ['OK', 'OK', 'NOT_FOUND'],
  'audit.list': noTarget,
  'webhooks.create': noTarget,
  'webhooks.list': noTarget,
  'webhooks.rotate': anybodys,
  'webhooks.delete': anybodys,
  'webhooks.deliveries': anybodys,
  'webhooks.redrive': anybodys,
  'webhooks.test': anybodys,
  'system.info': noTarget,
  'system.backup': noTarget,
  'system.metrics': noTarget,
  'system.history': noTarget,
}

/**
 * The replies to a tech lead about objects of another project, if they differ from those about
 * absent objects. The name of an agent is taken in its own project only, and a refresh token needs
 * no other credential. Keys and projects of every project belong to an admin.
 */
export const toldAcross: Readonly<Record<string, Told>> = {
  'projects.get': { admin: 'OK', others: 'NOT_FOUND' },
  'auth.refresh': 'OK',
  'auth.renew': 'FORBIDDEN',
  'auth.keys.rotate': { admin: 'OK', others: 'FORBIDDEN' },
  'auth.keys.revoke': { admin: 'OK', others: 'FORBIDDEN' },
  // The input has the id of the message, and not the name of an absent agent.
  'messages.deadLetters.list': 'nothing',
  'messages.deadLetters.redrive': 'OK',
  'messages.deadLetters.purge': 'OK',
}

const spokenTo = (told: Told, role: Role): string => (typeof told === 'string' ? told : (told[role] ?? told.others))

export const kinds = ['own', "other's", 'absent'] as const
export type Kind = (typeof kinds)[number]

/**
 * Returns the expected reply to a role with the permission. Throws for a procedure without an
 * entry.
 */
export function toldOf(path: string, role: Role, kind: Kind): string | undefined {
  const targets = expectedTargets[path]
  if (targets === undefined) throw new Error(`${path} is not in the table of what is told of targets`)
  if (targets === noTarget) return undefined
  return spokenTo(targets[kinds.indexOf(kind)] ?? '', role)
}

/** Returns the expected reply for an object of another project. */
export function toldAcrossOf(path: string, role: Role): string | undefined {
  const told = toldAcross[path]
  return told === undefined ? toldOf(path, role, 'absent') : spokenTo(told, role)
}

export const withTargets = Object.entries(expectedTargets).flatMap(([path, said]) => (said === noTarget ? [] : [path]))
