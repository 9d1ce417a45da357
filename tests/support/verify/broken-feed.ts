import { type Broken, unbent } from './broken-story.ts'
import type { PlantedOp } from './planted.ts'
import { claim } from './planted-ops.ts'

const isSeq = (op: PlantedOp, seq: number): boolean => op.out?.seq === seq

export const brokenFeed: readonly Broken[] = [
  {
    what: 'a head beyond the last event',
    rules: ['feed-not-dense'],
    bend: (story) => Object.assign(story, { head: story.events.length + 1 }),
  },
  {
    what: 'a gap in the log',
    rules: ['feed-not-dense', 'watcher-gap'],
    bend: (story) => Object.assign(story.events.at(-1) ?? {}, { seq: story.events.length + 1 }),
  },
  {
    what: 'a watcher that missed an event',
    rules: ['watcher-gap'],
    bend: unbent,
    seen: (ops) => ops.filter((op) => !isSeq(op, 7)),
  },
  {
    what: 'a watcher that missed the first event after its start',
    rules: ['watcher-gap'],
    bend: unbent,
    seen: (ops) => ops.filter((op) => !isSeq(op, 1)),
  },
  {
    what: 'a watcher that restarted after its last event',
    rules: ['watcher-gap'],
    bend: unbent,
    seen: (ops) => ops.filter((op) => !isSeq(op, 10)),
  },
  {
    what: 'a watcher that received an event twice',
    rules: ['watcher-repeat'],
    bend: unbent,
    seen: (ops) => ops.flatMap((op) => (isSeq(op, 7) ? [op, op] : [op])),
  },
  {
    what: 'a watcher that received another event than the log has',
    rules: ['watcher-mismatch'],
    bend: unbent,
    seen: (ops) => ops.map((op) => (isSeq(op, 7) ? { ...op, out: { ...op.out, subject: 'moat' } } : op)),
  },
  {
    what: 'a watcher that received an event that was never committed',
    rules: ['watcher-mismatch'],
    bend: unbent,
    seen: (ops) => [
      ...ops,
      ...ops.slice(-1).map((op) => ({ ...op, out: { ...op.out, seq: Number(op.out?.['seq']) + 1 } })),
    ],
  },
  {
    what: 'a watcher that did not reach the head',
    rules: ['watcher-behind'],
    bend: unbent,
    seen: (ops) => ops.slice(0, -1),
  },
]

const line = (fields: object): string => `${JSON.stringify({ t: 9_000, client: 'ada', ...fields })}\n`

export const brokenHistories: readonly Broken[] = [
  {
    what: 'an incomplete line before the last one',
    rules: ['history-malformed'],
    bend: (story) =>
      Object.assign(story.tails, { ada: `{"i":99,"t"\n${line({ i: 100, type: 'invoke', f: 'claim' })}` }),
  },
  {
    what: 'a line without its fields',
    rules: ['history-malformed'],
    bend: (story) => Object.assign(story.tails, { ada: '{}\n' }),
  },
  {
    what: 'an outcome without a call',
    rules: ['history-malformed'],
    bend: (story) => Object.assign(story.tails, { ada: line({ i: 99, type: 'ok', f: 'claim', out: { tasks: [] } }) }),
  },
  {
    what: 'two outcomes of one call',
    rules: ['history-malformed'],
    bend: (story) => Object.assign(story.tails, { ada: line({ i: 1, type: 'ok', f: 'claim', out: { tasks: [] } }) }),
  },
  {
    what: 'two calls with one number',
    rules: ['history-malformed'],
    bend: (story) => Object.assign(story.tails, { ada: line({ i: 1, type: 'invoke', f: 'claim' }) }),
  },
  {
    what: 'the outcome of another kind of call',
    rules: ['history-malformed'],
    bend: (story) =>
      Object.assign(story.tails, {
        ada: line({ i: 99, type: 'invoke', f: 'claim' }) + line({ i: 99, type: 'ok', f: 'ack' }),
      }),
  },
  {
    what: 'a claim whose reply names no token',
    rules: ['history-malformed'],
    bend: (story) => {
      const [reply] = claim('ada', 700, 'pit', 1)
      if (reply) story.ops.push({ ...reply, out: { tasks: [{ id: 'pit', attempt: 1 }] } })
    },
  },
]
