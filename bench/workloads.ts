import { type Client, createClient } from '@tony/mcp-client'

/**
 * The result of a workload: number of operations, total seconds, and the latency of each in
 * milliseconds.
 */
export interface WorkloadResult {
  readonly n: number
  readonly seconds: number
  readonly latencies: readonly number[]
}

export type Workload = (url: string, n: number) => Promise<WorkloadResult>

const deadlineMs = 120_000

async function registerAgent(
  url: string,
  name: string,
  capabilities: string[],
): Promise<{ id: string; client: Client }> {
  const lead = createClient({ url, deadlineMs })
  const { agentId, token } = await lead.agents.register({ name, type: 'implementation', capabilities })
  lead.close()
  return { id: agentId, client: createClient({ url, token, deadlineMs }) }
}

/** Registers agents with a client each. */
export const registerAgents = (url: string, prefix: string, count: number, capabilities: string[] = []) =>
  Promise.all(Array.from({ length: count }, (_, index) => registerAgent(url, `${prefix}-${index}`, capabilities)))

/** Runs `one` for each number below `n`, `width` at a time. */
async function runConcurrently(n: number, width: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lanes = Array.from({ length: width }, async () => {
    for (let index = next++; index < n; index = next++) await run(index)
  })
  await Promise.all(lanes)
}

/**
 * W1: 512-byte messages from 10 senders with 64 in flight each to 100 inboxes, pushed and acked.
 */
export const messages: Workload = async (url, n) => {
  const senders = await registerAgents(url, 'sender', 10)
  const readers = await registerAgents(url, 'reader', 100)
  const latencies: number[] = []
  let acked = 0
  let done: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    done = resolve
  })
  const body = 'x'.repeat(480)
  for (const { client } of readers) {
    void (async () => {
      for await (const message of client.messages.inbox({ maxAckPending: 1_000 })) {
        if (isStamped(message.payload)) latencies.push(performance.now() - message.payload.at)
        void client.messages.ack({ messageId: message.id, receipt: message.receipt }).then(() => {
          acked += 1
          if (acked === n) done()
        })
      }
    })()
  }
  const start = performance.now()
  await runConcurrently(n, senders.length * 64, async (index) => {
    const to = readers[index % readers.length]?.id ?? ''
    await senders[index % senders.length]?.client.messages.send({
      to,
      type: 'bench',
      payload: { at: performance.now(), body },
    })
  })
  await finished
  const seconds = (performance.now() - start) / 1_000
  for (const { client } of [...senders, ...readers]) client.close()
  return { n, seconds, latencies }
}

const isStamped = (payload: unknown): payload is { at: number } =>
  typeof payload === 'object' && payload !== null && 'at' in payload && typeof payload.at === 'number'

async function createTasks(url: string, n: number): Promise<void> {
  const lead = createClient({ url, deadlineMs })
  for (let made = 0; made < n; made += 200) {
    await lead.tasks.createMany({ tasks: Array.from({ length: Math.min(200, n - made) }, () => ({ type: 'bench' })) })
  }
  lead.close()
}

/**
 * W2: 20 workers until `n` tasks are completed. `claimAndComplete` claims and completes tasks and
 * returns the number of completed ones.
 */
function taskWorkload(
  claimAndComplete: (client: Client, timed: <T>(call: Promise<T>) => Promise<T>) => Promise<number>,
): Workload {
  return async (url, n) => {
    await createTasks(url, n)
    const workers = await registerAgents(url, 'worker', 20)
    const latencies: number[] = []
    const timed = async <T>(call: Promise<T>): Promise<T> => {
      const start = performance.now()
      const result = await call
      latencies.push(performance.now() - start)
      return result
    }
    let completed = 0
    const start = performance.now()
    await Promise.all(
      workers.map(async ({ client }) => {
        while (completed < n) {
          const done = await claimAndComplete(client, timed)
          completed += done
        }
      }),
    )
    const seconds = (performance.now() - start) / 1_000
    for (const { client } of workers) client.close()
    return { n: completed, seconds, latencies }
  }
}

/** One task at a time: one call claims it, one completes it. */
export const tasksSingle = taskWorkload(async (client, timed) => {
  const { tasks } = await timed(client.tasks.claim({}))
  for (const { id, leaseToken } of tasks) await client.tasks.complete({ taskId: id, leaseToken })
  return tasks.length
})

/** One call completes a task and claims the next. */
export const tasksFused = taskWorkload(async (client, timed) => {
  let done = 0
  let { tasks } = await client.tasks.claim({})
  for (let [task] = tasks; task; [task] = tasks) {
    const completed = { taskId: task.id, leaseToken: task.leaseToken }
    tasks = (await timed(client.tasks.next({ completed }))).tasks
    done += 1
  }
  return done
})

/** One call claims 32 tasks. */
export const tasksTuned = taskWorkload(async (client, timed) => {
  const { tasks } = await timed(client.tasks.claim({ limit: 32 }))
  await Promise.all(tasks.map(({ id, leaseToken }) => client.tasks.complete({ taskId: id, leaseToken })))
  return tasks.length
})

/** W3: one publisher, and 500 subscribers that receive every event. `n` counts deliveries. */
export const feed: Workload = async (url, n) => {
  const subscribers = 500
  const events = Math.ceil(n / subscribers)
  const publisher = createClient({ url, deadlineMs })
  const clients = Array.from({ length: subscribers }, () => createClient({ url, deadlineMs }))
  const latencies: number[] = []
  const live: Promise<void>[] = []
  const subscriptions = clients.map(async (client) => {
    let started: () => void = () => undefined
    live.push(new Promise((resolve) => (started = resolve)))
    let seen = 0
    for await (const { type, data } of client.events.subscribe({})) {
      started()
      if (type !== 'task.created') continue
      if (hasTitle(data)) latencies.push(performance.now() - Number(data.title))
      seen += 1
      if (seen === events) return
    }
  })
  await Promise.all(live)
  const start = performance.now()
  await runConcurrently(events, 16, async () => {
    await publisher.tasks.create({ type: 'bench', title: String(performance.now()) })
  })
  await Promise.all(subscriptions)
  const seconds = (performance.now() - start) / 1_000
  for (const client of [publisher, ...clients]) client.close()
  return { n: events * subscribers, seconds, latencies }
}

const hasTitle = (data: unknown): data is { title: string } =>
  typeof data === 'object' && data !== null && 'title' in data
