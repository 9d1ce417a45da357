import { Agent } from '@tony/mcp-client'

/**
 * An agent that drains on SIGTERM during a task. The task then finishes, or runs until a line on
 * standard input.
 */
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
