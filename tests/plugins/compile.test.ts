import { definePlugin, type MCPPlugin, type PluginHarness, runPlugin, testPlugin } from '@tony/mcp-client/plugin'
import { expect, test } from 'vitest'

interface Sums {
  add: { params: { a: number; b: number }; result: number }
  name: { params: null; result: string }
}

const head = { name: 'sums', version: '1.0.0' }

/** This function never runs: each line below a comment must fail to compile. */
async function wrong(harness: PluginHarness<Sums>): Promise<void> {
  definePlugin<Sums>({
    ...head,
    // @ts-expect-error a handler is missing
    handlers: { add: ({ a, b }) => a + b },
  })
  definePlugin<Sums>({
    ...head,
    handlers: {
      // @ts-expect-error takes something else
      add: (params: { a: string }) => params.a.length,
      name: () => 'sums',
    },
  })
  definePlugin<Sums>({
    ...head,
    handlers: {
      // @ts-expect-error gives something else
      add: () => 'five',
      name: () => 'sums',
    },
  })
  definePlugin<Sums>({
    ...head,
    handlers: {
      add: ({ a, b }) => a + b,
      name: () => 'sums',
      // @ts-expect-error no method of the plugin
      subtract: () => 0,
    },
  })
  definePlugin<Sums>({
    ...head,
    // @ts-expect-error reads something else than the method takes
    inputs: { add: () => 'text' },
    handlers: { add: ({ a, b }) => a + b, name: () => 'sums' },
  })
  // @ts-expect-error a plugin has a version
  definePlugin({ name: 'sums', handlers: {} })
  // @ts-expect-error a plugin has a version
  await runPlugin({ name: 'sums' })
  // @ts-expect-error params of another form
  await harness.call('add', { a: '1', b: 2 })
  // @ts-expect-error params are missing
  await harness.call('add')
  // @ts-expect-error no method of the plugin
  await harness.call('subtract', null)
  // @ts-expect-error the result is a number
  const text: string = await harness.call('add', { a: 1, b: 2 })
  // @ts-expect-error a plugin answers requests
  const partial: MCPPlugin = { ...head, registerWithMCP: () => undefined, getMCPCapabilities: () => [], text }
  expect(partial).toBeDefined()
}

test('code that the compiler accepts runs', async () => {
  const harness = await testPlugin(
    definePlugin<Sums>({ ...head, handlers: { add: ({ a, b }) => a + b, name: () => 'sums' } }),
  )
  const sum: number = await harness.call('add', { a: 1, b: 2 })
  expect([sum, await harness.call('name', null), wrong.name]).toEqual([3, 'sums', 'wrong'])
})
