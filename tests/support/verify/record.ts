import { type Fields, isFields, type Op } from './history.ts'
import type { Claim, Delivery, LeaseWrite, Operation, Recorded, Send, Settlement, Sighting } from './recorded.ts'
import { type Violation, violation } from './violation.ts'

class Misshapen extends Error {}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Misshapen(`${name} is not a text`)
  return value
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number') throw new Misshapen(`${name} is not a number`)
  return value
}

function list(fields: Fields, name: string): Fields[] {
  const value = fields[name]
  if (!Array.isArray(value) || !value.every(isFields)) throw new Misshapen(`${name} is not a list`)
  return value
}

const claimsOf = (op: Op): Claim[] =>
  op.outcome !== 'ok'
    ? []
    : list(op.output, 'tasks').map((task) => ({
        client: op.client,
        taskId: text(task, 'id'),
        attempt: number(task, 'attempt'),
        leaseToken: text(task, 'leaseToken'),
        at: op.endedAt,
      }))

const leaseWriteOf = (op: Op, f: string, lease: Fields): LeaseWrite => ({
  client: op.client,
  f,
  taskId: text(lease, 'taskId'),
  leaseToken: text(lease, 'leaseToken'),
  outcome: op.outcome,
  status: typeof op.output.status === 'string' ? op.output.status : '',
  locks: Array.isArray(op.output.locks) ? op.output.locks.filter((lock) => typeof lock === 'string') : [],
  invokedAt: op.invokedAt,
  endedAt: op.endedAt,
})

const sendOf = (op: Op): Send => ({
  client: op.client,
  key: text(op.input, 'key'),
  to: text(op.input, 'to'),
  type: text(op.input, 'type'),
  payloadHash: text(op.input, 'payloadHash'),
  outcome: op.outcome,
  id: op.outcome === 'ok' ? text(op.output, 'id') : '',
  recipients:
    op.outcome !== 'ok'
      ? []
      : list(op.output, 'recipients').map((to) => ({ agentId: text(to, 'agentId'), messageId: text(to, 'messageId') })),
})

const deliveryOf = (op: Op): Delivery => ({
  client: op.client,
  messageId: text(op.output, 'messageId'),
  receipt: text(op.output, 'receipt'),
  attempt: number(op.output, 'attempt'),
  redrives: typeof op.output.redrives === 'number' ? op.output.redrives : 0,
  payloadHash: text(op.output, 'payloadHash'),
  agentId: text(op.output, 'agentId'),
  at: op.endedAt,
})

const settlementOf = (op: Op): Settlement => ({
  client: op.client,
  messageId: text(op.input, 'messageId'),
  receipt: text(op.input, 'receipt'),
  outcome: op.outcome,
  invokedAt: op.invokedAt,
})

/** Returns the objects of an operator's call: one task, or the changes that a bulk verb reports. */
function operationOf(op: Op): Operation {
  const { taskId } = op.input
  const named = [op.output.taskIds, op.output.redriven].find(Array.isArray) ?? [taskId]
  return { client: op.client, f: op.f, subjects: named.filter((id) => typeof id === 'string') }
}

function sightingOf(op: Op): Sighting {
  const seen = { watcher: text(op.output, 'watcher'), file: op.file, at: op.endedAt }
  if (op.f === 'watch') return { ...seen, from: number(op.output, 'from') }
  const subject = op.output.subject === null ? null : text(op.output, 'subject')
  return { ...seen, seq: number(op.output, 'seq'), type: text(op.output, 'type'), subject }
}

/** Sorts one operation into the record. An operation that no rule needs is dropped. */
function take(op: Op, recorded: Recorded): void {
  switch (op.f) {
    case 'claim':
      recorded.claims.push(...claimsOf(op))
      break
    case 'next':
      if (isFields(op.input.completed)) recorded.leaseWrites.push(leaseWriteOf(op, 'complete', op.input.completed))
      recorded.claims.push(...claimsOf(op))
      break
    case 'complete':
    case 'fail':
    case 'release':
    case 'extend':
    case 'progress':
    case 'requestInput':
    case 'lock':
      recorded.leaseWrites.push(leaseWriteOf(op, op.f, op.input))
      break
    case 'start':
      recorded.starts.push({
        client: op.client,
        taskId: text(op.output, 'taskId'),
        attempt: number(op.output, 'attempt'),
      })
      break
    case 'send':
      recorded.sends.push(sendOf(op))
      break
    case 'deliver':
      recorded.deliveries.push(deliveryOf(op))
      break
    case 'ack':
      recorded.acks.push(settlementOf(op))
      break
    case 'nak':
      recorded.naks.push(settlementOf(op))
      break
    case 'verify':
    case 'provideInput':
    case 'cancel':
    case 'retry':
    case 'adopt':
    case 'redrive':
      if (op.outcome === 'ok') recorded.operations.push(operationOf(op))
      break
    case 'event':
    case 'watch':
      recorded.sightings.push(sightingOf(op))
      break
  }
}

export function record(ops: readonly Op[]): { recorded: Recorded; violations: Violation[] } {
  const recorded: Recorded = {
    claims: [],
    starts: [],
    leaseWrites: [],
    sends: [],
    deliveries: [],
    acks: [],
    naks: [],
    operations: [],
    sightings: [],
  }
  const violations: Violation[] = []
  for (const op of ops) {
    try {
      take(op, recorded)
    } catch (error) {
      if (!(error instanceof Misshapen)) throw error
      const { file, i, f, input, output } = op
      violations.push(
        violation('history-malformed', `${file}, ${f} ${i}`, { why: error.message, in: input, out: output }),
      )
    }
  }
  return { recorded, violations }
}
