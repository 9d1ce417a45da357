import type { ClientOptions } from '../api/client.ts'

/** Options of `Agent.register`. The options of `ClientOptions` apply to the agent's client. */
export interface AgentOptions extends Omit<ClientOptions, 'session'> {
  /**
   * API key or enrolment token to register with. Without one the server must be in dev mode on this
   * machine. The agent then uses the tokens of its registration.
   */
  readonly token?: string
  /** Unique in the project: 1–128 characters without control characters, `:` and `*`. */
  readonly name: string
  /** Kind of agent: `implementation`, `qa`, … or any word of 1–200 characters. */
  readonly type: string
  /** Default: by type (implementation → developer, …), `observer` for an unknown type. */
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead'
  /** At most 64. A task that `requires` one goes only to agents with it. Default: none. */
  readonly capabilities?: readonly string[]
  /** Any JSON object. Default: empty. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /**
   * The secret that proves a second registration of the name comes from the same agent, 16–200
   * characters. Keep it to survive a restart of the process. Default: a random one for this
   * process.
   */
  readonly clientInstanceId?: string
  /** Time between heartbeats, in milliseconds. Default 10 000: a third of the default lease. */
  readonly heartbeatMs?: number
  /** Time between health samples, in milliseconds. Default 30 000; 0 sends none. */
  readonly healthMs?: number
  /** Deadline for the registration including its retries, in milliseconds. Default 30 000. */
  readonly registerWithinMs?: number
  /**
   * Drains the agent on SIGTERM and then lets the process end. `true` means `{ withinMs: 25_000 }`.
   * Default: false. It has no effect in a page.
   */
  readonly drainOnSigterm?: boolean | StopOptions
  /** Called once when a tech-lead drains the agent: finish and call `agent.stop()`. */
  readonly onDraining?: () => void
}

/** Options of `Agent.stop`. */
export interface StopOptions {
  /**
   * Time for the running handlers, in milliseconds. Afterwards their signals are aborted and their
   * tasks are released without a failure. Default: no limit.
   */
  readonly withinMs?: number
}

/** The names of the options that `Agent.register` has beside those of `createClient`. */
export const agentOptionNames: Readonly<Record<Exclude<keyof AgentOptions, keyof ClientOptions>, true>> = {
  name: true,
  type: true,
  role: true,
  capabilities: true,
  metadata: true,
  clientInstanceId: true,
  heartbeatMs: true,
  healthMs: true,
  registerWithinMs: true,
  drainOnSigterm: true,
  onDraining: true,
}
