import type { Outcome } from './history.ts'

export interface Claim {
  readonly client: string
  readonly taskId: string
  readonly attempt: number
  readonly leaseToken: string
  readonly at: number
}

export interface Start {
  readonly client: string
  readonly taskId: string
  readonly attempt: number
}

/** A call that names a lease; a `next` is a `complete` here. */
export interface LeaseWrite {
  readonly client: string
  readonly f: string
  readonly taskId: string
  readonly leaseToken: string
  readonly outcome: Outcome
  /** What the task was then, as the reply said; '' where it did not. */
  readonly status: string
  /** What the lease held then, where the reply said so. */
  readonly locks: readonly string[]
  readonly invokedAt: number
  readonly endedAt: number
}

export interface Recipient {
  readonly agentId: string
  readonly messageId: string
}

export interface Send {
  readonly client: string
  readonly key: string
  readonly to: string
  readonly type: string
  readonly payloadHash: string
  readonly outcome: Outcome
  readonly id: string
  readonly recipients: readonly Recipient[]
}

export interface Delivery {
  readonly client: string
  readonly messageId: string
  readonly receipt: string
  readonly attempt: number
  /** How often the message had been redriven: its deliveries are counted anew then. */
  readonly redrives: number
  readonly payloadHash: string
  readonly agentId: string
  readonly at: number
}

export interface Settlement {
  readonly client: string
  readonly messageId: string
  readonly receipt: string
  readonly outcome: Outcome
  readonly invokedAt: number
}

/** A call of an operator that was acknowledged, and what it was about. */
export interface Operation {
  readonly client: string
  readonly f: string
  readonly subjects: readonly string[]
}

interface Watching {
  readonly watcher: string
  readonly file: string
  readonly at: number
}

export type Sighting =
  | (Watching & { readonly from: number })
  | (Watching & { readonly seq: number; readonly type: string; readonly subject: string | null })

export interface Recorded {
  readonly claims: Claim[]
  readonly starts: Start[]
  readonly leaseWrites: LeaseWrite[]
  readonly sends: Send[]
  readonly deliveries: Delivery[]
  readonly acks: Settlement[]
  readonly naks: Settlement[]
  readonly operations: Operation[]
  readonly sightings: Sighting[]
}
