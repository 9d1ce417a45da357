import { setTimeout as delay } from 'node:timers/promises'
import type { Target } from './driver.ts'
import { Fleet, type Member } from './fleet.ts'
import { Latencies } from './latencies.ts'
import { type RunResult, secondsOf, type Workload } from './workload.ts'

const heartbeatMs = 30_000

/** Agents that only send a heartbeat each 30 s. `n` counts milliseconds. */
export class IdleWorkload implements Workload {
  readonly #target: Target
  readonly #agents: number
  readonly #latencies = new Latencies()
  #fleet: Fleet | undefined
  #members: Member[] = []

  constructor(target: Target, agents: number) {
    this.#target = target
    this.#agents = agents
  }

  async open(): Promise<void> {
    this.#fleet = await Fleet.open(this.#target)
    this.#members = await this.#fleet.register('agent', this.#agents)
    for (let from = 0; from < this.#agents; from += 100)
      await Promise.all(this.#members.slice(from, from + 100).map(({ client }) => client.agents.heartbeat({})))
  }

  async run(n: number): Promise<RunResult> {
    let counted = 0
    const beat = async (member: Member | undefined) => {
      const start = performance.now()
      await member?.client.agents.heartbeat({})
      this.#latencies.add(performance.now() - start)
      counted += 1
    }
    const calls: Promise<void>[] = []
    const seconds = await secondsOf(async () => {
      const start = performance.now()
      for (let elapsed = 0; elapsed < n; elapsed = performance.now() - start) {
        const due = (elapsed / heartbeatMs) * this.#agents
        while (calls.length < due) calls.push(beat(this.#members[calls.length % this.#agents]))
        await delay(5)
      }
      await Promise.all(calls)
    })
    return { counted, seconds, latencies: { heartbeat: this.#latencies.take() } }
  }

  async close(): Promise<void> {
    this.#fleet?.close()
  }
}
