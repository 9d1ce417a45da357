import type { PlantedEvent, PlantedOp, Story } from './planted.ts'
import { claim, deliver, handed, lease, of, one, send, sent, settle, write } from './planted-ops.ts'

const events = (): PlantedEvent[] => [
  { type: 'plan.committed', subject: 'plan' },
  of('claimed', 'walls', 1, 'ada-id'),
  of('expired', 'walls', 1, 'ada-id'),
  of('claimed', 'walls', 2, 'bob-id'),
  of('completed', 'walls', 2, 'bob-id'),
  of('claimed', 'roof', 1, 'bob-id'),
  of('retried', 'roof', 1, 'bob-id'),
  of('claimed', 'roof', 2, 'ada-id'),
  of('released', 'roof', 2, 'ada-id'),
  of('claimed', 'roof', 3, 'ada-id'),
  of('expired', 'roof', 3, 'ada-id'),
  of('completed', 'roof', 3, 'ada-id'),
  of('claimed', 'moat', 1, 'bob-id'),
  of('failed', 'moat', 1, 'bob-id'),
  of('cancelled', 'tower', 0, 'tony-id'),
  sent('m1'),
  { type: 'message.nacked', subject: 'm1' },
  { type: 'message.acked', subject: 'm1' },
  sent('m2'),
  { type: 'message.acked', subject: 'm2' },
  sent('m3'),
  sent('m4'),
  { type: 'message.dead', subject: 'm4' },
]

const taskOps = (): PlantedOp[] => [
  ...claim('ada', 100, 'walls', 1),
  write('ada', 'extend', 110, 'walls', 1, 'in_progress'),
  ...claim('bob', 200, 'walls', 2),
  { client: 'ada', f: 'complete', t: 205, type: 'fail', in: lease('walls', 1) },
  { client: 'bob', f: 'next', t: 210, type: 'ok', in: { completed: lease('walls', 2) }, out: handed('roof', 1) },
  write('bob', 'fail', 220, 'roof', 1, 'pending'),
  ...claim('ada', 230, 'roof', 2),
  write('ada', 'release', 240, 'roof', 2, 'pending'),
  ...claim('ada', 250, 'roof', 3),
  { client: 'ada', f: 'complete', t: 300, type: 'lost', in: lease('roof', 3) },
  ...claim('bob', 310, 'moat', 1),
  write('bob', 'fail', 320, 'moat', 1, 'failed'),
]

const messageOps = (): PlantedOp[] => [
  { ...send('k1', 'ada', 400), type: 'lost' },
  { ...send('k1', 'ada', 402), out: one('ada-id', 'm1') },
  { ...send('k2', 'bob', 410), type: 'info' },
  { ...send('k3', 'bob', 420), type: 'fail' },
  {
    ...send('k4', '*', 430),
    out: {
      id: 'body',
      recipients: [
        { agentId: 'ada-id', messageId: 'm3' },
        { agentId: 'bob-id', messageId: 'm4' },
      ],
    },
  },
  deliver('ada', 500, 'm1', 1, 'k1'),
  settle('ada', 'nak', 501, 'm1', 1, 'pending'),
  deliver('ada', 510, 'm1', 2, 'k1'),
  settle('ada', 'ack', 511, 'm1', 2, 'acked'),
  deliver('bob', 520, 'm2', 1, 'k2'),
  { ...settle('bob', 'ack', 521, 'm2', 1, 'acked'), type: 'info' },
  deliver('bob', 530, 'm4', 1, 'k4'),
]

/** A run with lost replies, expiries, retries, fan-outs and dead letters in which every promise was kept. */
export function goodStory(): Story {
  return {
    agents: [
      { id: 'tony-id', name: 'tony', role: 'tech-lead' },
      { id: 'ada-id', name: 'ada', role: 'developer' },
      { id: 'bob-id', name: 'bob', role: 'developer' },
    ],
    tasks: [
      { id: 'pit', status: 'completed' },
      { id: 'walls', status: 'completed', attempt: 2, agent_id: 'bob-id' },
      { id: 'roof', status: 'completed', attempt: 3, agent_id: 'ada-id' },
      { id: 'moat', status: 'failed', attempt: 1, failures: 1 },
      { id: 'tower', status: 'cancelled', open_deps: 1 },
    ],
    dependencies: [
      { task: 'walls', on: 'pit' },
      { task: 'roof', on: 'walls' },
      { task: 'tower', on: 'moat' },
    ],
    messages: [
      { id: 'm1', from_agent: 'tony-id', to_agent: 'ada-id', type: 'note', status: 'acked', retry_count: 2 },
      { id: 'm2', from_agent: 'tony-id', to_agent: 'bob-id', type: 'note', status: 'acked', retry_count: 1 },
      { id: 'm3', from_agent: 'tony-id', to_agent: 'ada-id', type: 'note', status: 'pending' },
      {
        id: 'm4',
        from_agent: 'tony-id',
        to_agent: 'bob-id',
        type: 'note',
        status: 'dead',
        retry_count: 1,
        max_deliver: 1,
      },
    ],
    failures: [
      { message: 'm1', attempt: 1 },
      { message: 'm4', attempt: 1 },
    ],
    events: events(),
    ops: [...taskOps(), ...messageOps()],
    tampered: [],
    tails: {},
  }
}
