import { type StatementParts, statement, type Transaction } from '@tony/mcp-server/store/store'
import { eq } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { openedPostgres, postgresServer } from '../support/postgres.ts'
import { projectOf } from '../support/store.ts'
import { feed, note, numbered } from './given.ts'
import { below } from './one-batch.ts'

const findBody = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.select({ payload: t.bodies.payload }).from(t.bodies).where(eq(t.bodies.id, p.id)).prepare(),
)

type Work = (tx: Transaction) => Promise<void>

describe.skipIf(postgresServer === undefined)('operations of a batch that run at the same time', () => {
  test('have the events of their second parts after all first parts', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const begun: number[] = []
    const works = below(10).map(
      (index): Work =>
        async (tx) => {
          for (const _ of below(5 - Math.floor(index / 2))) await tx.run(findBody, { id: 'none' })
          tx.append(note(numbered('first ', index)))
          if (index === 4) return
          await tx.beginSecondPart()
          begun.push(index)
          await tx.run(findBody, { id: 'none' })
          tx.append(note(numbered('second ', index)))
        },
    )
    await Promise.all(works.map((work) => store.transact({ project, serialKeys: [] }, work)))
    const withSecond = below(10).filter((index) => index !== 4)
    expect(begun).toEqual(withSecond)
    expect((await store.read(feed)).map(({ subject }) => subject)).toEqual([
      ...below(10).map((index) => numbered('first ', index)),
      ...withSecond.map((index) => numbered('second ', index)),
    ])
  })

  test('wait for all earlier ones in a rule across rows, in both parts', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const order: string[] = []
    const works = below(9).map(
      (index): Work =>
        async (tx) => {
          const alone = async (part: string) => {
            await tx.afterEarlier()
            order.push(`${part} ${index} begins`)
            await tx.run(findBody, { id: 'none' })
            order.push(`${part} ${index} ends`)
          }
          if (index % 3 === 0) await alone('first')
          // Those of one caller would wait for each other.
          if (index % 3 === 1) await tx.inOrder()
          await tx.beginSecondPart()
          if (index % 3 !== 1) await alone('second')
        },
    )
    await Promise.all(works.map((work) => store.transact({ project, serialKeys: [] }, work)))
    const wanted = (part: string, index: number) => [`${part} ${index} begins`, `${part} ${index} ends`]
    expect(order).toEqual([
      ...[0, 3, 6].flatMap((index) => wanted('first', index)),
      ...[0, 2, 3, 5, 6, 8].flatMap((index) => wanted('second', index)),
    ])
  })

  test('end both waits of one that waits for all earlier ones twice at the same time', async () => {
    await using opened = await openedPostgres()
    const { store } = opened
    const project = await projectOf(store)
    const order: string[] = []
    const earlier: Work = async (tx) => {
      for (const _ of below(3)) await tx.run(findBody, { id: 'none' })
      order.push('earlier')
    }
    const later: Work = async (tx) => {
      await Promise.all(below(2).map(() => tx.afterEarlier()))
      order.push('later')
    }
    await Promise.all([earlier, later].map((work) => store.transact({ project, serialKeys: [] }, work)))
    expect(order).toEqual(['earlier', 'later'])
  })
})
