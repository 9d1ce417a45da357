/** A pool: four workers with two slots each share the tasks of one lead until all are done. */
import { Agent, createClient } from '@tony/mcp-client'

const url = process.argv[2] ?? 'http://127.0.0.1:3456'
const lead = createClient({ url })
const share = new Map<string, number>()

const pool = await Promise.all(
  Array.from({ length: 4 }, (_, index) => Agent.register({ url, name: `pool-${index}`, type: 'implementation' })),
)
for (const worker of pool) {
  worker.work(
    async (task, { progress, signal }) => {
      await progress({ percent: 50, message: `${worker.name} is at it` })
      // A real worker passes the signal to its work. It is aborted when the lease is lost or the
      // task is cancelled.
      signal.throwIfAborted()
      share.set(worker.name, (share.get(worker.name) ?? 0) + 1)
      return { by: worker.name, title: task.title }
    },
    { slots: 2, onError: (error) => console.error(error) },
  )
}

const tasks = Array.from({ length: 40 }, (_, index) => ({ type: 'code', title: `part ${index}`, epic: 'pool' }))
await lead.tasks.createMany({ tasks })

let left = tasks.length
const [first] = pool
for await (const _ of first?.watch({ types: ['task.completed'], epic: 'pool' }, { from: 'start' }) ?? []) {
  left -= 1
  if (left === 0) break
}
const done = [...share.values()].reduce((sum, part) => sum + part, 0)
console.log(`${done} tasks done by ${share.size} workers`)
await Promise.all(pool.map((worker) => worker.stop()))
lead.close()
