import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'

const rounds = 40

describe.skipIf(postgresServer === undefined)('on two replicas', () => {
  test('a cursor at the end of an empty feed is valid while its first event is written', async () => {
    await using replicas = await Replicas.start({ config: { devRole: 'admin' } })
    for (const round of upTo(rounds)) {
      const project = `empty ${round}`
      await replicas.first.connect().projects.create({ name: project })
      const [writer, reader] = [replicas.first.connect({ project }), replicas.second.connect({ project })]
      const { cursor } = await reader.events.list({})
      const reads = upTo(20).map(() => reader.events.list({ cursor }))
      const [, ...pages] = await Promise.all([writer.tasks.create({ type: 'code' }), ...reads])
      for (const { events } of pages) expect(events.length).toBeLessThanOrEqual(1)
    }
  })
})
