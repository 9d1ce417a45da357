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

/** A call with a lease. A `next` counts as a `complete`. */
export interface LeaseWrite {
  readonly client: string
  readonly f: string
  readonly taskId: string
  readonly leaseToken: string
  readonly outcome: Outcome
  /** The status of the task in the reply; '' if the reply has none. */
  readonly status: string
  /** The locks of the lease in the reply, if it has them. */
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
  /** The number of redrives of the message. Each one resets the count of its deliveries. */
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

/** An acknowledged call of an operator, with its objects. */
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
