import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { bridgedHost, type Host, httpHost } from './hosts.ts'

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

/** Returns the bytes that a row of the table of costs states. */
function said(row: string): number {
  const docs = readFileSync(new URL('../../docs/agents.md', import.meta.url), 'utf8')
  const [, bytes = ''] = new RegExp(`^\\| ${row} \\| ([\\d ]+) \\|`, 'm').exec(docs) ?? []
  return Number(bytes.replaceAll(' ', ''))
}

const toolsOf = async ({ client }: Host): Promise<number> => bytesOf((await client.listTools()).tools)

test('the guide to agents states the costs of the tools to 3 %', async () => {
  await using server = await TestServer.start()
  await using bridged = await bridgedHost(server)
  await using http = await httpHost(server)
  const measured = {
    'tools by `tony-mcp mcp`': await toolsOf(bridged),
    'tools by `/mcp`': await toolsOf(http),
    'the instructions': bytesOf(bridged.client.getInstructions()),
    'an empty `next_task`': bytesOf(await bridged.did('next_task', { waitSeconds: 0 })),
  }
  for (const [row, bytes] of Object.entries(measured)) {
    expect(said(row), `${row}: ${bytes}`).toBeGreaterThan(bytes * 0.97)
    expect(said(row), `${row}: ${bytes}`).toBeLessThan(bytes * 1.03)
  }
})
