import type { Workload } from './workload.ts'

/** The sizes of the workloads. Every system gets the same. */
export interface Sizes {
  readonly senders: number
  /** Messages of a sender that are sent and not confirmed. */
  readonly inFlight: number
  readonly inboxes: number
  readonly workers: number
  /** Tasks of one claim in the batched form. */
  readonly batch: number
  readonly subscribers: number
  /** Events that are published and not confirmed. */
  readonly publishing: number
  /** Agents of the workloads of this product alone. */
  readonly agents: number
}

/** Observer of a W1 run. */
export interface MessageObserver {
  onMessage(text: string): void
  onAcked(count: number): void
}

/** W1 on one system: durable messages to inboxes, pushed and acked. */
export interface MessageDriver {
  open(sizes: Sizes, observer: MessageObserver): Promise<void>
  /** Sends one message. Resolves when the system has confirmed that it is durable. */
  send(sender: number, inbox: number, text: string): Promise<unknown> | undefined
  /** Waits for acks that the client only sends. Absent if the observer counts confirmed acks. */
  settle?(sent: number): Promise<void>
  close(): Promise<void>
}

export type TaskMode = 'single' | 'fused' | 'batched'

/** Observer of a W2 run. */
export interface TaskObserver {
  readonly isDone: boolean
  onCompleted(count: number): void
}

/** W2 on one system: workers claim and complete tasks. */
export interface TaskDriver {
  open(sizes: Sizes): Promise<void>
  create(count: number): Promise<void>
  /**
   * Runs the workers until the observer is done, and until the system has confirmed the
   * completions. Returns a function that stops the workers, whose time does not count.
   */
  run(mode: TaskMode, n: number, observer: TaskObserver): Promise<() => Promise<void>>
  close(): Promise<void>
}

/** W3 on one system: each event goes to every subscriber. */
export interface FeedDriver {
  /** Calls `onEvent` for each event that a subscriber receives, with the text of the event. */
  open(sizes: Sizes, onEvent: (text: string) => void): Promise<void>
  publish(text: string): Promise<unknown> | undefined
  close(): Promise<void>
}

/** A running system as its driver needs it. */
export interface Target {
  readonly url: string
  /** The module of the client of this product, as a URL. The peers' drivers ignore it. */
  readonly clientModule: string
}

/** The drivers of a system. A workload without a driver is not measured on it. */
export interface Drivers {
  readonly messages?: (target: Target) => MessageDriver
  readonly tasks?: (target: Target) => TaskDriver
  readonly feed?: (target: Target) => FeedDriver
  /** The workloads that only this product has. */
  readonly own?: Readonly<Record<string, (target: Target, agents: number) => Workload>>
}

/** Runs `run` for each number below `n`, `width` at a time. */
export async function runConcurrently(
  n: number,
  width: number,
  run: (index: number) => Promise<unknown> | undefined,
): Promise<void> {
  let next = 0
  const lanes = Array.from({ length: width }, async () => {
    for (let index = next++; index < n; index = next++) await run(index)
  })
  await Promise.all(lanes)
}

/** Returns the result of `make` for each number below `count`, made at the same time. */
export const inParallel = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)))
