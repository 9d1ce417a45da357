import { Agent } from '@tony/mcp-client'

/** An agent that drains when it is told to end, in the middle of a task that then finishes, or that goes on until it is told. */
const [, , url = '', what = ''] = process.argv
const agent = await Agent.register({
  url,
  name: 'drains',
  type: 'implementation',
  drainOnSigterm: { withinMs: what === 'finishes' ? 20_000 : 100 },
})
agent.work(async (_, { signal }) => {
  process.stdout.write('working \n')
  await new Promise<void>((resolve) => {
    if (what === 'finishes') process.once('SIGTERM', () => resolve())
    else signal.addEventListener('abort', () => resolve())
  })
})
