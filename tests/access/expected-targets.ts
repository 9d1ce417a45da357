import type { Role } from '@tony/mcp-shared/roles'

/** What a caller is answered: a code, `OK`, or `nothing` for a query that finds nothing it may see. */
type Told = string | (Partial<Readonly<Record<Role, string>>> & { readonly others: string })

/** Of what is the caller's own, another agent's, and not there at all. */
export type Targets = readonly [own: Told, others: Told, absent: Told]

/** The caller names nothing: it acts on itself, on its whole project, or makes something new. */
export const noTarget = 'no target'

const leadsOnly = (told: string): Told => ({ 'tech-lead': told, admin: told, others: 'FORBIDDEN' })
const leadsSee = (told: string): Told => ({ 'tech-lead': told, admin: told, others: 'NOT_FOUND' })

/** An admin is a key and no agent: it has no lease, inbox, request or session of its own. */
const agentsOnly = (told: string): Told => ({ admin: 'FORBIDDEN', others: told })

const anybodys: Targets = ['OK', 'OK', 'NOT_FOUND']
const lease: Targets = [agentsOnly('OK'), agentsOnly('STALE_LEASE'), agentsOnly('NOT_FOUND')]
const mail: Targets = [agentsOnly('OK'), agentsOnly('NOT_FOUND'), agentsOnly('NOT_FOUND')]

/**
 * What a caller that is let in is told of its own, of another's and of what is absent. Written by hand from the contract: a
 * lead sees and moves everything in its project; whoever else, what is its own; and somebody else's is as absent as what is
 * not there, where it cannot be seen. Roles that are not let in are refused whatever they name. A procedure that is missing
 * here fails the test.
 */
export const expectedTargets: Readonly<Record<string, Targets | typeof noTarget>> = {
  'projects.create': noTarget,
  'projects.list': noTarget,
  'projects.get': ['OK', { admin: 'OK', others: 'NOT_FOUND' }, 'NOT_FOUND'],
  'projects.pause': noTarget,
  'projects.resume': noTarget,
  'projects.setPools': noTarget,
  'agents.register': ['AGENT_NAME_TAKEN', 'AGENT_NAME_TAKEN', 'OK'],
  // What it does not hold is named as lost in the answer, and not extended.
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
  // Under a task the caller holds. A parent that is not there is a fault of the input, as a dependency is.
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
  // Nobody verifies what it completed itself; an admin completes nothing.
  'tasks.verify': [{ admin: 'OK', others: 'FORBIDDEN' }, 'OK', 'NOT_FOUND'],
  'tasks.provideInput': anybodys,
  'tasks.update': anybodys,
  'tasks.cancel': anybodys,
  'tasks.cancelMany': ['OK', 'OK', 'OK'],
  'tasks.retry': anybodys,
  'tasks.retryMany': ['OK', 'OK', 'OK'],
  'tasks.adopt': ['OK', leadsOnly('OK'), 'NOT_FOUND'],
  'tasks.get': anybodys,
  'tasks.list': noTarget,
  'tasks.tree': anybodys,
  'tasks.explain': anybodys,
  'messages.send': anybodys,
  'messages.sendMany': ['OK', 'OK', 'OK'],
  'messages.receive': noTarget,
  'messages.inbox': noTarget,
  'messages.ack': mail,
  'messages.nak': mail,
  'messages.term': mail,
  'messages.inProgress': mail,
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
  // Whose it is, the token says, and not who shows it.
  'auth.refresh': ['OK', 'OK', 'UNAUTHENTICATED'],
  'auth.renew': [agentsOnly('OK'), 'FORBIDDEN', 'UNAUTHENTICATED'],
  'auth.revoke': [{ admin: 'INVALID_INPUT', others: 'OK' }, leadsOnly('OK'), leadsOnly('NOT_FOUND')],
  'auth.whoami': noTarget,
  'auth.keys.create': noTarget,
  'auth.keys.list': noTarget,
  'auth.keys.rotate': anybodys,
  'auth.keys.revoke': anybodys,
  'auth.sessions.list': ['OK', 'OK', 'nothing'],
  'audit.list': noTarget,
  'system.info': noTarget,
  'system.backup': noTarget,
  'system.metrics': noTarget,
}

/**
 * What a lead is told of what belongs to another project, where that is not what it is told of what is absent: the name of an
 * agent is taken in its own project only, and a refresh token speaks for itself. Keys and projects are an admin's everywhere.
 */
export const toldAcross: Readonly<Record<string, Told>> = {
  'projects.get': { admin: 'OK', others: 'NOT_FOUND' },
  'auth.refresh': 'OK',
  'auth.renew': 'FORBIDDEN',
  'auth.keys.rotate': { admin: 'OK', others: 'FORBIDDEN' },
  'auth.keys.revoke': { admin: 'OK', others: 'FORBIDDEN' },
  // By its id, and not by the name of an agent that is not there.
  'messages.deadLetters.list': 'nothing',
  'messages.deadLetters.redrive': 'OK',
  'messages.deadLetters.purge': 'OK',
}

const spokenTo = (told: Told, role: Role): string => (typeof told === 'string' ? told : (told[role] ?? told.others))

export const kinds = ['own', "other's", 'absent'] as const
export type Kind = (typeof kinds)[number]

/** What a role that is let in is told. Throws for a procedure nobody wrote down. */
export function toldOf(path: string, role: Role, kind: Kind): string | undefined {
  const targets = expectedTargets[path]
  if (targets === undefined) throw new Error(`${path} is not in the table of what is told of targets`)
  if (targets === noTarget) return undefined
  return spokenTo(targets[kinds.indexOf(kind)] ?? '', role)
}

/** The same of what is another project's. */
export function toldAcrossOf(path: string, role: Role): string | undefined {
  const told = toldAcross[path]
  return told === undefined ? toldOf(path, role, 'absent') : spokenTo(told, role)
}

export const withTargets = Object.entries(expectedTargets).flatMap(([path, said]) => (said === noTarget ? [] : [path]))
