import type { ErrorCode } from '@tony/mcp-shared/errors'
import type { EventType } from '@tony/mcp-shared/event-words'
import type { MessageStatus } from '@tony/mcp-shared/messages'
import type { Priority } from '@tony/mcp-shared/priorities'
import type { Role } from '@tony/mcp-shared/roles'
import type { TaskStatus } from '@tony/mcp-shared/task-statuses'
import { Locks } from './locks.model.ts'

export interface Agent {
  readonly id: string
  readonly name: string
  readonly role: Role
  capabilities: readonly string[]
  paused: boolean
  draining: boolean
}

/** The caller: an agent, or the developer, who is a tech lead and not an agent. */
export type Caller = Agent | undefined

/** An object whose id comes with the server's reply. */
export interface Named {
  id: string
}

/** An expected event. Fields of `data` that it does not name may have any value. */
export interface Fact {
  readonly type: EventType
  readonly subject: Named | null
  readonly actor: Named | null
  readonly data: Readonly<Record<string, unknown>>
  /** The agents that may see it; absent means all. */
  readonly audience?: readonly Named[]
  readonly task?: Named | undefined
  readonly epic?: string | undefined
  readonly thread?: string | undefined
}

/** One attempt at a task as its holder knows it. */
export interface Lease {
  readonly task: Task
  readonly agent: Agent
  readonly attempt: number
  readonly leaseMs: number
  readonly startedAt: number
  expiresAt: number
  token: string
  /** The number of successive heartbeats that did not list it. */
  unlisted: number
}

export interface Orphan {
  readonly attempt: number
  readonly agent: Agent
  readonly result: unknown
}

export interface Task {
  id: string
  readonly order: number
  readonly type: string
  readonly epic: string | undefined
  title: string | undefined
  readonly requires: readonly string[]
  assignedTo: Agent | undefined
  priority: Priority
  dependsOn: readonly Task[]
  /** The tasks whose failure it waits for. */
  failureOf: readonly Task[]
  readonly onDependencyFailure: 'block' | 'fail'
  readonly acceptance: 'complete' | 'verify'
  readonly maxAttempts: number
  readonly locks: readonly string[]
  readonly scheduleToStartMs: number | undefined
  readonly startToCloseMs: number
  readonly scheduleToCloseMs: number | undefined
  closeBy: number
  status: TaskStatus
  /** The reason for which it is held. */
  hold: string | undefined
  attempt: number
  failures: number
  notBefore: number | undefined
  /** The time since which the task has been ready. */
  readyAt: number
  /** True if the task has aged and goes before all but critical ones. */
  aged: boolean
  /** The current lease, or an expired one if no agent has claimed the task since. */
  lease: Lease | undefined
  /** The completed lease. A repeated call with its token gets the same reply. */
  done: Lease | undefined
  /** The attempt whose result the task has. */
  resultOf: number
  /** The agent that holds or has completed it. */
  by: Agent | undefined
  result: unknown
  error: string | undefined
  progress: unknown
  question: { question: string; by: Agent; deadlineAt: number; default: unknown } | undefined
  input: { question: string; answer: unknown } | undefined
  review: { accept: boolean; note: string | undefined } | undefined
  orphans: Orphan[]
  /** The revision in the latest reply. */
  revision: number
}

/** One message in the inbox of one agent. */
export interface Message {
  id: string
  readonly order: number
  readonly from: Caller
  to: Agent
  readonly address: string | undefined
  readonly priority: Priority
  readonly payload: unknown
  readonly thread: string | undefined
  readonly task: Task | undefined
  readonly maxDeliver: number
  expiresAt: number
  status: MessageStatus
  attempt: number
  redrives: number
  notBefore: number | undefined
  delivery: Delivery | undefined
  /** The failed deliveries since the last redrive. */
  failures: { attempt: number; reason: string; error: string | null | undefined }[]
  /** True if the message was deleted. */
  purged: boolean
}

export interface Delivery {
  readonly message: Message
  readonly attempt: number
  receipt: string
  ackBy: number
}

/** The state of one project in the reference models. */
export class State {
  now = 0
  /**
   * The result of the random numbers: 0, 0.25, 0.5 or 0.75. Each backoff therefore ends at a time
   * of its own.
   */
  chance = 0.5
  readonly agents: readonly Agent[]
  readonly tasks: Task[] = []
  readonly leases: Lease[] = []
  readonly locks = new Locks()
  readonly messages: Message[] = []
  readonly deliveries: Delivery[] = []
  readonly topics = new Map<Agent, Set<string>>()
  /** The inbox to which sends deliver. */
  openInbox: { readonly agent: Agent; readonly maxAckPending: number; readonly ackWaitMs: number } | undefined
  /** The inbox capacity: the number of messages that are neither acked nor dead. */
  maxPending = 10_000
  readonly pausedEpics = new Set<string>()
  paused = false
  /** The expected events of the running command, in order. */
  facts: Fact[] = []
  readonly keys = new Map<string, { input: string; at: number; reply: unknown }>()

  constructor(agents: readonly Agent[]) {
    this.agents = agents
  }

  tell(type: EventType, subject: Named | null, actor: Caller, data: Fact['data'], more: Partial<Fact> = {}): void {
    this.facts.push({ type, subject, actor: actor ?? null, data, ...more })
  }
}

/** A refusal by the model. */
export class Refusal extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode) {
    super(code)
    this.code = code
  }
}

export function refuse(code: ErrorCode): never {
  throw new Refusal(code)
}

export const iso = (ms: number): string => new Date(ms).toISOString()

const dayMs = 86_400_000

/**
 * Within 24 h, the same key and input of one caller at one procedure returns the first reply again
 * and has no effect. Another input is a conflict. Failures are not stored, and `keep` decides if a
 * success is.
 */
export function once<T>(
  state: State,
  about: { caller: Caller; path: string; key: string | undefined; input: object },
  run: () => T,
  { again = (reply) => reply, keep = () => true }: { again?: (reply: T) => T; keep?: (reply: T) => boolean } = {},
): T {
  const { caller, path, key } = about
  if (key === undefined) return run()
  const name = `${caller?.id ?? 'developer'} ${path} ${key}`
  const input = JSON.stringify(about.input)
  const known = state.keys.get(name)
  if (known && state.now - known.at < dayMs) {
    if (known.input !== input) return refuse('IDEMPOTENCY_CONFLICT')
    // This procedure stored the reply under its own name, so the type is right.
    return again(known.reply as T)
  }
  const reply = run()
  if (keep(reply)) state.keys.set(name, { input, at: state.now, reply })
  return reply
}
