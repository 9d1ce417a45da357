import { exampleIds, exampleLease, type OperationTexts } from '../operation-text.ts'

const { agent, key } = exampleIds

/** The texts of the procedures of agents, projects, the feed, identity and the system. */
export const fleetTexts: OperationTexts = {
  'projects.create': {
    summary: 'Create a project',
    description: 'Creates a project, which is apart from all others: its agents, tasks, messages and feed.',
    input: { name: 'shop', path: '/projects/shop' },
  },
  'projects.get': {
    summary: 'Read a project',
    description: 'Returns a project with its pools and the progress of its tasks.',
    input: { project: 'default' },
  },
  'projects.list': {
    summary: 'List projects',
    description: 'Returns the projects that the caller may see.',
    input: {},
  },
  'projects.pause': {
    summary: 'Pause the project',
    description: 'Stops claims and deliveries in the project of the caller, until it is resumed.',
    input: { reason: 'The main branch is broken.' },
  },
  'projects.resume': {
    summary: 'Resume the project',
    description: 'Ends the pause of the project of the caller.',
    input: {},
  },
  'projects.setPools': {
    summary: 'Set the sizes of pools',
    description: 'Sets how many tasks may hold each pool at a time. null deletes a pool.',
    input: { pools: { anthropic: 4 } },
  },
  'agents.register': {
    summary: 'Register an agent',
    description:
      'Returns the id of the agent and the token for its calls. A secret instance id proves who registers again.',
    input: { name: 'ada', type: 'implementation', capabilities: ['typescript'] },
  },
  'agents.heartbeat': {
    summary: 'Send a heartbeat',
    description: 'Extends exactly the leases that it lists, and tells which of them are lost. Send one every 10 s.',
    input: { leases: [exampleLease], health: { errorRate: 0.01, cpuUsage: 0.4 } },
  },
  'agents.get': {
    summary: 'Read an agent',
    description: 'Returns an agent by its id or its name.',
    input: { agent },
  },
  'agents.list': {
    summary: 'List agents',
    description: 'Returns a page of the agents of the project, sorted by name.',
    input: { limit: 1 },
  },
  'agents.update': {
    summary: 'Change the calling agent',
    description: 'Changes the given fields of the caller. New capabilities apply from the next claim on.',
    input: { capabilities: ['typescript', 'sql'] },
  },
  'agents.pause': {
    summary: 'Pause agents',
    description: 'Stops claims and deliveries of an agent, an epic or all agents. Leases that are held go on.',
    input: { agent, reason: 'Its work is under review.' },
  },
  'agents.resume': {
    summary: 'Resume agents',
    description: 'Ends the pause of an agent, an epic or all agents.',
    input: { agent },
  },
  'agents.drain': {
    summary: 'Drain an agent',
    description: 'Lets the agent finish its leases. It gets nothing new until it is resumed or registers again.',
    input: { agent },
  },
  'agents.unregister': {
    summary: 'Unregister an agent',
    description: 'Ends the sessions of the agent and releases its leases. Its inbox is kept for a while.',
    input: { agent },
  },
  'events.subscribe': {
    summary: 'Stream of events',
    description:
      'Sends every change that the caller may see, in order and without a gap. The id of an event is its cursor.',
    input: { cursor: 'start', types: ['task.created'] },
  },
  'events.list': {
    summary: 'List events',
    description: 'Returns a page of the feed. While more is true, the Link leads to the next page.',
    input: { limit: 2 },
  },
  'health.report': {
    summary: 'Report the health of the calling agent',
    description: 'Stores a sample of load and errors. A heartbeat can carry the same sample.',
    input: { errorRate: 0.01, cpuUsage: 0.4, memoryUsage: 268_435_456 },
  },
  'health.summary': {
    summary: 'Summarise the health of the fleet',
    description: 'Returns the means over the agents that reported within the window.',
    input: { windowMs: 60_000 },
  },
  'health.history': {
    summary: 'Read the samples of an agent',
    description: 'Returns the samples of one agent, newest first.',
    input: { agent, limit: 1 },
  },
  'auth.refresh': {
    summary: 'Exchange a refresh token',
    description: 'Returns the next access and refresh token. A refresh token is used once; reuse ends the session.',
    input: { refreshToken: 'refresh-token-of-the-agent', nonce: 'a-nonce-of-this-exchange' },
  },
  'auth.renew': {
    summary: 'Renew the token of a socket',
    description: 'Gives a socket a newer token. Over HTTP it has no effect, because each request has its own token.',
    input: { token: 'access-token-of-the-agent' },
  },
  'auth.revoke': {
    summary: 'Revoke sessions or a key',
    description: 'Ends a session, all sessions of an agent or a key; without an input the session of the caller.',
    input: { agent },
  },
  'auth.whoami': {
    summary: 'Show the caller',
    description: 'Returns the identity, the role and the permissions of the caller.',
    input: {},
  },
  'auth.keys.create': {
    summary: 'Create an API key',
    description: 'Returns the key with its secret, which is shown only this once.',
    input: { name: 'build server', roleCeiling: 'developer', cidrs: ['10.0.0.0/8'] },
  },
  'auth.keys.list': {
    summary: 'List API keys',
    description: 'Returns the keys without their secrets, newest first.',
    input: { limit: 1 },
  },
  'auth.keys.rotate': {
    summary: 'Rotate an API key',
    description: 'Gives the key a new secret. The previous one stays valid for a while.',
    input: { keyId: key, overlapMs: 3_600_000 },
  },
  'auth.keys.revoke': {
    summary: 'Revoke an API key',
    description: 'Ends the key and every session of the agents that registered with it.',
    input: { keyId: key },
  },
  'auth.sessions.list': {
    summary: 'List sessions',
    description: 'Returns the sessions of an agent or of all agents, newest first.',
    input: { agent },
  },
  'audit.list': {
    summary: 'List audited changes or denials',
    description: 'Returns a page of the changes with their caller, or of the refused calls, oldest first.',
    input: { limit: 1 },
  },
  'system.info': {
    summary: 'Show the server',
    description: 'Returns the version, the mode and the time of the server.',
    input: {},
  },
  'system.metrics': {
    summary: 'Count tasks, messages and agents',
    description: 'Returns the counts of the project of the caller.',
    input: {},
  },
  'system.history': {
    summary: 'Read the history of the project',
    description: 'Returns counts and states of the last hour, day or week in equal steps.',
    input: { range: '1h' },
  },
  'system.backup': {
    summary: 'Make a backup',
    description: 'Writes a checked copy of the database beside it. On PostgreSQL use the tools of the database.',
    input: {},
  },
}
