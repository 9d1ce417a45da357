import { hashInput, runIdempotent } from '@tony/mcp-server/guards/idempotency'
import { idempotencySlotOf } from '@tony/mcp-server/store/idempotency-slot'
import type { Store } from '@tony/mcp-server/store/store'
import { expect, test } from 'vitest'
import { type Opened, projectOf } from '../../support/store.ts'
import { note, outcomes, put, stored, upTo } from '../given.ts'

async function given(store: Store) {
  const project = await projectOf(store)
  const key = { project, principal: 'ada', procedure: 'tasks.create', key: 'k', inputHash: hashInput({ title: 'one' }) }
  let rows = 0
  const call = (changed: Partial<typeof key> = {}) =>
    store.transact({ project }, (tx) =>
      runIdempotent(tx, { ...key, ...changed }, async () => {
        rows += 1
        tx.append(note(`row ${rows}`))
        return { row: await put(tx, `row ${rows}`) }
      }),
    )
  return { project, key, call }
}

export function keyConformance(open: () => Promise<Opened>): void {
  test('and returns the first reply without running the operation again', async () => {
    await using opened = await open()
    const { store } = opened
    const { call } = await given(store)
    expect(await call()).toEqual({ row: 'row 1' })
    expect(await call()).toEqual({ row: 'row 1' })
    expect(await store.read(stored)).toEqual(['row 1'])
    expect(await opened.rows('select seq from event_log')).toEqual([{ seq: 1 }])
  })

  test('for concurrent calls', async () => {
    await using opened = await open()
    const { store } = opened
    const { call } = await given(store)
    const replies = await Promise.all(upTo(100).map(() => call()))
    expect(replies).toEqual(replies.map(() => ({ row: 'row 1' })))
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('and refuses a key that was used with another input', async () => {
    await using opened = await open()
    const { store } = opened
    const { call } = await given(store)
    await call()
    expect(await outcomes([call({ inputHash: hashInput({ title: 'two' }) })])).toEqual(['IDEMPOTENCY_CONFLICT'])
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('of each principal and procedure independently', async () => {
    await using opened = await open()
    const { store } = opened
    const { call } = await given(store)
    const replies = await Promise.all([
      call(),
      call({ principal: 'bob' }),
      call({ procedure: 'tasks.fail' }),
      call({ key: 'l' }),
    ])
    expect(replies.map(({ row }) => row)).toEqual(['row 1', 'row 2', 'row 3', 'row 4'])
  })

  test('of successes only: a failure stores none, and the next call runs', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key, call } = await given(store)
    const failing = store.transact({ project }, (tx) =>
      runIdempotent(tx, key, async () => {
        await put(tx, 'half')
        throw new Error('no')
      }),
    )
    expect(await outcomes([failing, call(), call()])).toEqual(['no', { row: 'row 1' }, { row: 'row 1' }])
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('with its effect or not at all: an operation that fails after its reply stores neither', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key, call } = await given(store)
    const late = store.transact({ project }, async (tx) => {
      await runIdempotent(tx, key, () => put(tx, 'done'))
      throw new Error('later')
    })
    expect(await outcomes([late, call()])).toEqual(['later', { row: 'row 1' }])
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('of any form, each for itself', async () => {
    await using opened = await open()
    const { store } = opened
    const { call } = await given(store)
    const time = '0193f2a0-0000'
    const keys = [
      `${time}-7000-8000-000000000000`,
      `${time}-7000-8000-000000000000#1`,
      `${time}-4000-8000-000000000000`,
      `${time}-7000-8000-000000000000`.toUpperCase(),
      'x'.repeat(128),
      '漢 "\\',
    ]
    const ids = [...keys.map((key) => ({ key })), { principal: 'ad', key: 'ak' }, { principal: 'adaa', key: 'k' }]
    for (const _ of upTo(2))
      for (const [index, id] of ids.entries()) expect(await call(id)).toEqual({ row: `row ${index + 1}` })
    const seconds = await opened.rows<{ second: number }>('select second from idempotency_keys order by second desc')
    const second = Math.floor(0x0193f2a00000 / 1_000)
    expect(seconds.map((row) => row.second)).toEqual([second, second, second, 0, 0, 0, 0, 0])
  })

  test('of an earlier program, which are stored with their text', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key, call } = await given(store)
    await store.transact({ project }, ({ db, t, now }) => {
      const { project: projectId, ...rest } = key
      return db.insert(t.idempotency).values({ projectId, ...rest, reply: '{"row":"earlier"}', createdAt: now })
    })
    expect(await call()).toEqual({ row: 'earlier' })
    expect(await outcomes([call({ inputHash: hashInput({ title: 'two' }) })])).toEqual(['IDEMPOTENCY_CONFLICT'])
    expect(await call({ key: 'l' })).toEqual({ row: 'row 1' })
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('whose place another key has taken', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key, call } = await given(store)
    const slot = idempotencySlotOf(key)
    await store.transact({ project }, ({ db, t, now }) =>
      db.insert(t.idempotencyKeys).values({ ...slot, identity: slot.identity + 1, at: now, reply: '{"row":"other"}' }),
    )
    for (const _ of upTo(3)) expect(await call()).toEqual({ row: 'row 1' })
    expect(await outcomes([call({ inputHash: hashInput({ title: 'two' }) })])).toEqual(['IDEMPOTENCY_CONFLICT'])
    expect(await store.read(stored)).toEqual(['row 1'])
  })

  test('without the secrets of the reply, which are found again', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key } = await given(store)
    const replay = {
      toStored: (reply: { token: string }) => ({ length: reply.token.length }),
      fromStored: async (_: unknown, kept: unknown) => ({ token: `found by ${JSON.stringify(kept)}` }),
    }
    const call = () =>
      store.transact({ project }, (tx) => runIdempotent(tx, key, async () => ({ token: 'hush' }), { replay }))
    expect([await call(), await call()]).toEqual([{ token: 'hush' }, { token: 'found by {"length":4}' }])
    expect(JSON.stringify(await opened.rows('select reply from idempotency_keys'))).not.toContain('hush')
  })

  test('not of a reply without contents to keep', async () => {
    await using opened = await open()
    const { store } = opened
    const { project, key } = await given(store)
    const replay = { toStored: () => undefined, fromStored: () => Promise.reject(new Error('nothing was kept')) }
    let calls = 0
    const call = () =>
      store.transact({ project }, (tx) =>
        runIdempotent(
          tx,
          key,
          async () => {
            calls += 1
            return calls
          },
          { replay },
        ),
      )
    expect([await call(), await call()]).toEqual([1, 2])
  })

  test('by the meaning of an input and not by its spelling', () => {
    expect(hashInput({ title: 'one', idempotencyKey: 'a' })).toBe(hashInput({ title: 'one', idempotencyKey: 'b' }))
    expect(hashInput({ title: 'one', idempotencyKey: 'a' })).toBe(hashInput({ title: 'one' }))
    expect(hashInput({ title: 'one' })).not.toBe(hashInput({ title: 'two' }))
  })
}
