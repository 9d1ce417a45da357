import { setTimeout as delay } from 'node:timers/promises'
import type { Target } from './driver.ts'
import { Fleet, type Member } from './fleet.ts'
import { Latencies } from './latencies.ts'
import { ageOf, stamp } from './messages.ts'
import { type RunResult, secondsOf, type Workload } from './workload.ts'

const messagesPerSecond = 1_000
const tasksPerSecond = 500
const watchers = 50
const heartbeatMs = 10_000

/** A call that is due while this many are open is left out, so that a slow server ends too. */
const mostOpen = 2_000

/** A fifth of the agents work, at most 100. */
const workersOf = (agents: number): number => Math.max(1, Math.min(100, Math.floor(agents / 5)))

/**
 * The latencies that agents feel at a mixed load: heartbeats of all, 1,000 messages and 500 tasks
 * a second, and 50 watchers of the feed. `n` counts milliseconds.
 */
export class MixedWorkload implements Workload {
  readonly #target: Target
  readonly #agents: number
  readonly #latencies = { message: new Latencies(), task: new Latencies(), heartbeat: new Latencies() }
  readonly #calls = new Set<Promise<unknown>>()
  #fleet: Fleet | undefined
  #members: Member[] = []
  #counted = 0
  #lastSeq = 0
  #isRunning = false

  constructor(target: Target, agents: number) {
    this.#target = target
    this.#agents = agents
  }

  async open(): Promise<void> {
    const fleet = await Fleet.open(this.#target)
    this.#fleet = fleet
    this.#members = await fleet.register('agent', this.#agents)
    for (const member of this.#members) void this.#receive(member)
    for (let index = 0; index < watchers; index += 1) void this.#watch(fleet)
  }

  async run(n: number): Promise<RunResult> {
    this.#counted = 0
    this.#isRunning = true
    const seconds = await secondsOf(async () => {
      const workers = this.#members.slice(0, workersOf(this.#agents))
      for (const worker of workers) this.#start(this.#work(worker))
      await Promise.all([
        this.#repeat(n, messagesPerSecond, (index) => this.#send(index)),
        this.#repeat(n, tasksPerSecond, () => this.#create()),
        this.#repeat(n, this.#agents / (heartbeatMs / 1_000), (index) => this.#beat(index)),
      ])
      this.#isRunning = false
      await Promise.all(this.#calls)
    })
    const { message, task, heartbeat } = this.#latencies
    const latencies = { message: message.take(), task: task.take(), heartbeat: heartbeat.take() }
    return { counted: this.#counted, seconds, latencies }
  }

  async close(): Promise<void> {
    this.#fleet?.close()
  }

  /** Makes calls at a rate for some milliseconds. */
  async #repeat(forMs: number, perSecond: number, call: (index: number) => Promise<unknown>): Promise<void> {
    const start = performance.now()
    let made = 0
    for (let elapsed = 0; elapsed < forMs; elapsed = performance.now() - start) {
      for (const due = (elapsed / 1_000) * perSecond; made < due; made += 1)
        if (this.#calls.size < mostOpen) this.#start(call(made))
      await delay(1)
    }
  }

  #start(call: Promise<unknown>): void {
    this.#calls.add(call)
    void call.finally(() => this.#calls.delete(call))
  }

  async #receive({ client }: Member): Promise<void> {
    for await (const { id, receipt, payload } of client.messages.inbox({})) {
      this.#latencies.message.add(ageOf(String(payload)))
      this.#counted += 1
      void client.messages.ack({ messageId: id, receipt })
    }
  }

  async #watch(fleet: Fleet): Promise<void> {
    for await (const { seq } of fleet.connect().events.subscribe({})) this.#lastSeq = Math.max(this.#lastSeq, seq)
  }

  /** The latency of a task is the time from its creation to its arrival at a worker. */
  async #work({ client }: Member): Promise<void> {
    let { tasks } = await client.tasks.claim({ waitMs: 500 })
    while (this.#isRunning || tasks.length > 0) {
      const [task] = tasks
      if (task) {
        this.#latencies.task.add(ageOf(task.title ?? ''))
        this.#counted += 1
        const completed = { taskId: task.id, leaseToken: task.leaseToken }
        tasks = (await client.tasks.next({ completed, waitMs: this.#isRunning ? 500 : 0 })).tasks
      } else tasks = (await client.tasks.claim({ waitMs: 500 })).tasks
    }
  }

  async #send(index: number): Promise<unknown> {
    const [from, to] = [this.#memberAt(index), this.#memberAt(index * 7 + 1)]
    return from?.client.messages.send({ to: to?.id ?? '', type: 'bench', payload: stamp() })
  }

  async #create(): Promise<unknown> {
    return this.#fleet?.lead.tasks.create({ type: 'bench', title: stamp() })
  }

  async #beat(index: number): Promise<void> {
    const start = performance.now()
    await this.#memberAt(index)?.client.agents.heartbeat({})
    this.#latencies.heartbeat.add(performance.now() - start)
    this.#counted += 1
  }

  #memberAt(index: number): Member | undefined {
    return this.#members[index % this.#members.length]
  }
}
