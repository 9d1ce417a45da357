import { writeFileSync } from 'node:fs'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onPostgres, TestServer } from '../support/server.ts'
import type { World } from './equality-cases.ts'
import { committedReplies, repliesFile, toExample } from './openapi-recorded.ts'
import { acceptedInput, callerOf, closeWorld, described, exampleInputOf, linked, worldOf } from './openapi-world.ts'
import { overRest } from './rest-way.ts'

/** RECORD_EXAMPLES=1 writes the replies of this run, on which the description is built. */
const records = process.env['RECORD_EXAMPLES'] === '1'

let server: TestServer
const recorded: Record<string, unknown> = {}

beforeAll(async () => {
  server = await TestServer.start({ config: { devRole: 'admin', durability: 'process' } })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  if (!records) return
  writeFileSync(repliesFile, `${JSON.stringify({ ...committedReplies, ...recorded }, null, 1)}\n`)
})

/** Returns the names of the fields, and those of the first item of each list. */
const namesOf = (reply: unknown): unknown =>
  Object.entries(Object(reply))
    .map(([name, value]) => [name, Array.isArray(value) ? Object.keys(Object(value[0])).toSorted() : []])
    .toSorted()

/** Returns the reply in an example: its JSON, or that of the first event of a stream. */
const replyIn = (example: unknown): unknown =>
  typeof example === 'string' ? JSON.parse(/^data: (.*)$/m.exec(example)?.[1] ?? 'null') : example

describe.each(described.map((one) => [one.procedure, one] as const))('the example of %s', (procedure, one) => {
  const { operation } = one

  test.skipIf(onPostgres && procedure === 'system.backup')('is accepted with the documented status', async () => {
    const of: World = await worldOf(server, `agent-${procedure}`)
    const example = exampleInputOf(operation)
    const valid = await acceptedInput(procedure, of)
    const input = linked(example, valid)
    const kind = procedures.get(procedure)?.kind ?? 'query'
    const outcome = await overRest(server, {
      path: procedure,
      kind,
      input: JSON.stringify(input),
      token: callerOf(procedure, of),
    })
    closeWorld(of)
    expect(outcome).toHaveProperty('data')
    const { data } = outcome as { data: unknown }
    const shown = toExample(data, kind === 'subscription', { input, example, agent: of.agent, now: server.parts.now() })
    if (records) recorded[procedure] = shown
    else expect(namesOf(replyIn(shown))).toEqual(namesOf(replyIn(committedReplies[procedure])))
  })

  test.skipIf(records)('has a reply that its schema accepts', () => {
    const { responses } = operation
    const [success] = Object.entries(responses).filter(([status]) => status.startsWith('20'))
    const [media] = Object.values(success?.[1].content ?? {})
    expect(media?.example).toBeDefined()
    expect(media?.example).toEqual(committedReplies[procedure])
    expect(procedures.get(procedure)?.output.safeParse(replyIn(media?.example)).error).toBeUndefined()
  })
})
