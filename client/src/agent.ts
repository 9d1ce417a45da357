import { type Client, type ClientOptions, createClient } from './client.ts'
import type { Delivery, LeasedTask } from './generated/api.ts'
import { type MailOptions, readMail } from './mail.ts'
import { post } from './post.ts'
import type { SessionTokens } from './session.ts'
import { type WorkHandler, WorkLoop, type WorkOptions } from './work.ts'

export interface AgentOptions extends Omit<ClientOptions, 'token' | 'session'> {
  /** An API key or an enrolment token to register with. Without one the server must be in dev mode on this machine. */
  readonly credential?: string
  /** Unique in the project. */
  readonly name: string
  /** What the agent is: `implementation`, `qa`, … */
  readonly type: string
  /** Default: by type. */
  readonly role?: 'observer' | 'tester' | 'developer' | 'tech-lead'
  readonly capabilities?: readonly string[]
  readonly metadata?: Readonly<Record<string, unknown>>
  /**
   * The secret that proves this is the same agent when its name is registered again, 16–200 characters. Keep it to survive
   * a restart of the process. Default: a new one, good for this process.
   */
  readonly clientInstanceId?: string
  /** Between heartbeats, in milliseconds. Default 10 000: a third of the default lease. */
  readonly heartbeatMs?: number
  /** How long registering may take, in milliseconds. Default 30 000. */
  readonly registerWithinMs?: number
}

interface Registration extends SessionTokens {
  readonly agentId: string
  readonly incarnation: number
  readonly role: string
}

/** A registered agent: its connection, its heartbeat, its work and its mail. */
export class Agent {
  readonly id: string
  readonly name: string
  readonly incarnation: number
  readonly role: string
  /** What the registration gave. The client exchanges it in time by itself; this is the first token. */
  readonly registration: SessionTokens
  /** Every procedure, called as this agent. */
  readonly client: Client
  readonly #loops: Set<WorkLoop>
  readonly #mail = new Set<{ stop(): Promise<void> }>()
  readonly #beating: NodeJS.Timeout

  private constructor(options: AgentOptions, registration: Registration, client: Client, loops: Set<WorkLoop>) {
    this.#loops = loops
    this.id = registration.agentId
    this.name = options.name
    this.incarnation = registration.incarnation
    this.role = registration.role
    this.registration = registration
    this.client = client
    this.#beating = setInterval(() => void this.heartbeat().catch(() => undefined), options.heartbeatMs ?? 10_000)
    this.#beating.unref()
  }

  /** Registers and connects. Retries while the server cannot be reached; rejects with TonyError when it refuses. */
  static async register(options: AgentOptions): Promise<Agent> {
    const { url = 'http://127.0.0.1:3456', name, type, role, capabilities = [], metadata = {} } = options
    const clientInstanceId = options.clientInstanceId ?? crypto.randomUUID()
    const { credential, project } = options
    const registration = await post({
      url: `${url}/api/agents/register`,
      body: { name, type, ...(role === undefined ? {} : { role }), capabilities, metadata, clientInstanceId },
      headers: {
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
        ...(project === undefined ? {} : { 'x-tony-project': project }),
      },
      isReply: isRegistration,
      withinMs: options.registerWithinMs ?? 30_000,
    })
    const loops = new Set<WorkLoop>()
    const onState: ClientOptions['onState'] = (state) => {
      if (state === 'closed') for (const loop of loops) loop.loseAll()
      options.onState?.(state)
    }
    return new Agent(options, registration, createClient({ ...options, url, session: registration, onState }), loops)
  }

  /**
   * Takes tasks and runs `handler` on each, `slots` at a time, until stopped. What it returns completes the task; what it
   * throws fails the attempt. Its `signal` says that the lease was lost: stop then, the result would not count.
   */
  work(handler: WorkHandler, options: WorkOptions = {}): WorkLoop {
    const loop = new WorkLoop(this.client, handler, options)
    this.#loops.add(loop)
    return loop
  }

  /**
   * Runs `handler` on each message of the inbox: acked when it returns, nak'ed when it throws. Requests go to `onRequest` of the
   * options, if there is one.
   */
  onMessage(handler: (message: Delivery) => unknown, options: MailOptions = {}): { stop(): Promise<void> } {
    const mail = readMail(this.client, handler, options)
    this.#mail.add(mail)
    return mail
  }

  /** One heartbeat, beside the regular ones: extends every lease held and ends the work on those that are lost. */
  async heartbeat(): Promise<void> {
    const held = [...this.#loops].flatMap((loop) => loop.leases())
    const leases = held.map(({ id, leaseToken }: LeasedTask) => ({ taskId: id, leaseToken }))
    const { lost } = await this.client.agents.heartbeat({ leases }, { deadlineMs: 10_000 })
    for (const { taskId } of lost) for (const loop of this.#loops) loop.lose(taskId)
  }

  /** Takes nothing new, lets what runs finish, and disconnects. Registering again later is the same agent. */
  async stop(): Promise<void> {
    await Promise.all([...this.#loops, ...this.#mail].map((running) => running.stop()))
    clearInterval(this.#beating)
    this.client.close()
  }
}

const isRegistration = (reply: unknown): reply is Registration =>
  typeof reply === 'object' && reply !== null && 'agentId' in reply && 'refreshToken' in reply && 'incarnation' in reply
