/** Two agents exchange messages in one thread, and one answers a request of the other. */
import { Agent } from '@tony/mcp-client'

const url = process.argv[2] ?? 'http://127.0.0.1:3456'
const [ada, bob] = await Promise.all([
  Agent.register({ url, name: 'ada', type: 'implementation' }),
  Agent.register({ url, name: 'bob', type: 'qa', capabilities: ['test.count'] }),
])

const over = Promise.withResolvers<void>()

bob.onMessage(
  async ({ id, threadId, from, payload }) => {
    console.log(`bob hears: ${payload}`)
    if (from === null) return
    await bob.client.messages.send({
      to: from,
      type: 'chat',
      payload: 'Two fail.',
      replyTo: id,
      threadId: threadId ?? id,
    })
  },
  { onRequest: ({ method }) => (method === 'test.count' ? { passed: 40, failed: 2 } : null) },
)
ada.onMessage(({ payload }) => {
  console.log(`ada hears: ${payload}`)
  over.resolve()
})

await ada.client.messages.send({ to: bob.id, type: 'chat', payload: 'How are the tests?' })
await over.promise
console.log('ada asks:', await ada.request('test.count'))
await Promise.all([ada.stop(), bob.stop()])
