import { Agent, createClient } from '@tony/mcp-client'

const url = process.argv[2] ?? 'http://127.0.0.1:3456'
const lead = createClient({ url })
const agent = await Agent.register({ url, name: 'ada', type: 'implementation' })
agent.work((task) => `${task.title}: done`)
const created = await lead.tasks.create({ type: 'code', title: 'say hello' })
for await (const { subject } of agent.watch({ types: ['task.completed'] }, { from: 'start' }))
  if (subject === created.id) break
const { result } = await lead.tasks.get({ taskId: created.id })
console.log(result)
await agent.stop()
lead.close()
