import { procedures } from '@tony/mcp-server/api/pipeline'
import { type Host, httpHost } from '../bridge/hosts.ts'
import type { TestServer } from '../support/server.ts'
import { A2aCaller, userMessage } from './a2a-way.ts'
import type { Way } from './three-ways.ts'

/** The steps of a lead and of a worker. */
export interface Driver {
  register(): Promise<unknown>
  /** Creates the task and returns its id. */
  plan(title: string): Promise<string>
  claim(): Promise<unknown>
  ask(taskId: string, question: string): Promise<unknown>
  answer(taskId: string, answer: string): Promise<unknown>
  /** Sends a message about the task to the worker. */
  message(taskId: string, text: string): Promise<unknown>
  complete(taskId: string, result: unknown): Promise<unknown>
  /** Returns a text with the end of the task, as the transport shows it. */
  watch(taskId: string): Promise<string>
}

/** Calls the procedures one by one over a transport. */
export class ProcedureDriver implements Driver {
  readonly #server: TestServer
  readonly #way: Way
  #token: string | undefined
  #leaseToken = ''

  constructor(server: TestServer, way: Way) {
    this.#server = server
    this.#way = way
  }

  async register() {
    const registered = await this.#call('agents.register', { name: 'ada', type: 'implementation' }, undefined)
    this.#token = String(registered['token'])
  }

  async plan(title: string): Promise<string> {
    const input = { tasks: [{ type: 'implementation', title, description: title }] }
    const { tasks } = await this.#call('tasks.createMany', input, undefined)
    return String(Object(tasks)[0].id)
  }

  async claim() {
    const { tasks } = await this.#call('tasks.claim', {}, this.#token)
    this.#leaseToken = String(Object(tasks)[0].leaseToken)
  }

  ask(taskId: string, question: string) {
    return this.#call('tasks.requestInput', { taskId, leaseToken: this.#leaseToken, question }, this.#token)
  }

  answer(taskId: string, answer: string): Promise<unknown> {
    return this.#call('tasks.provideInput', { taskId, answer }, undefined)
  }

  message(taskId: string, text: string): Promise<unknown> {
    return this.#call('messages.send', { to: 'ada', type: 'note', payload: text, taskId }, undefined)
  }

  complete(taskId: string, result: unknown) {
    return this.#call('tasks.complete', { taskId, leaseToken: this.#leaseToken, result }, this.#token)
  }

  async watch(taskId: string): Promise<string> {
    return JSON.stringify(await this.#call('events.list', { taskId, types: ['task.completed'] }, undefined))
  }

  /** Makes a call and returns its reply. Without a token the caller is the developer. */
  async #call(path: string, input: unknown, token: string | undefined): Promise<Record<string, unknown>> {
    const kind = procedures.get(path)?.kind ?? 'query'
    const outcome = await this.#way(this.#server, { path, kind, input: JSON.stringify(input), token })
    if ('error' in outcome) throw new Error(`${path}: ${JSON.stringify(outcome.error)}`)
    return Object(outcome.data)
  }
}

/** Calls tools over MCP: those of a worker that has joined, and those of the developer. */
export class McpDriver implements Driver, AsyncDisposable {
  readonly #worker: Host
  readonly #lead: Host

  private constructor(worker: Host, lead: Host) {
    this.#worker = worker
    this.#lead = lead
  }

  static async open(server: TestServer): Promise<McpDriver> {
    return new McpDriver(await httpHost(server), await httpHost(server))
  }

  register = () => this.#worker.did('join', { name: 'ada', type: 'implementation' })

  async plan(title: string): Promise<string> {
    const { tasks } = await this.#lead.did('add_tasks', { tasks: [{ title, description: title }] })
    return String(Object(tasks)[0].taskId)
  }

  claim = () => this.#worker.takes({ waitSeconds: 0 })
  ask = (taskId: string, question: string) => this.#worker.did('ask', { taskId, question })
  answer = (taskId: string, answer: string) => this.#lead.did('answer', { taskId, attempt: 1, answer })
  message = (taskId: string, text: string) => this.#lead.did('send', { to: 'ada', text, taskId })
  complete = (taskId: string, result: unknown) => this.#worker.did('complete', { taskId, result })
  watch = async (taskId: string) => JSON.stringify(await this.#lead.did('explain', { taskId }))

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]()
    await this.#lead[Symbol.asyncDispose]()
  }
}

/** The lead uses A2A. The protocol has no worker, so the worker calls the procedures. */
export class A2aDriver extends ProcedureDriver {
  readonly #a2a: A2aCaller

  constructor(server: TestServer, way: Way) {
    super(server, way)
    this.#a2a = new A2aCaller(server.url)
  }

  override async plan(title: string): Promise<string> {
    const message = { ...userMessage(title), metadata: { type: 'implementation' } }
    return (await this.#a2a.send(message, { returnImmediately: true })).id
  }

  override answer(taskId: string, answer: string): Promise<unknown> {
    return this.#a2a.send({ ...userMessage(answer), taskId }, { returnImmediately: true })
  }

  override message(taskId: string, text: string): Promise<unknown> {
    return this.#a2a.send({ ...userMessage(text), taskId }, { returnImmediately: true })
  }

  override async watch(taskId: string): Promise<string> {
    return JSON.stringify(await this.#a2a.call('GetTask', { id: taskId })).toLowerCase()
  }
}
