import { expect, test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'
import { type StandIn, standIn, standInKinds } from './wakeable.ts'

const within = { interval: 20 }
const sessionCount = roundsOf({ part: 2, full: 50, variable: 'IDLE_SESSIONS' })

/** The calls that a host has made, which are its turns. */
const callsOf = (sessions: readonly StandIn[]) => sessions.flatMap(({ host }) => host.calls)

async function openSessions(server: TestServer, kind: (typeof standInKinds)[number]): Promise<StandIn[]> {
  const sessions: StandIn[] = []
  for (let n = 0; n < sessionCount; n += 1) sessions.push(await standIn(server, kind))
  return sessions
}

const close = (sessions: readonly StandIn[]) => Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()))

test.each(standInKinds)(
  'sessions of the kind %s that idle for eight hours cost nothing, and then wake',
  async (kind) => {
    await using server = await TestServer.start({ limits: { pingMs: 86_400_000 } })
    const lead = server.connect()
    const sessions = await openSessions(server, kind)
    const before = callsOf(sessions).length
    for (let step = 0; step < 48; step += 1) {
      await server.advance(600_000)
      await new Promise(setImmediate)
    }
    expect(callsOf(sessions)).toHaveLength(before)
    expect(sessions.flatMap(({ wakeTexts }) => wakeTexts())).toEqual([])
    expect(server.query('select * from wakes')).toEqual([])
    const sent = await lead.messages.sendMany({
      messages: sessions.map(({ agentId }) => ({ to: agentId, type: 'note', payload: 'go', mode: 'steer' as const })),
    })
    const ids = sent.results.map(({ sent: one }) => one?.id ?? '')
    const statuses = async () => {
      const messages = await Promise.all(ids.map((messageId) => lead.messages.get({ messageId })))
      return messages.map(({ wake }) => wake?.status)
    }
    // The request is a part of the commit, so no time passes until it.
    const { events } = await lead.events.list({ types: ['wake.requested'], limit: 1_000 })
    expect(new Set(events.map(({ subject }) => subject))).toEqual(new Set(ids))
    if (kind !== 'none') {
      await expect.poll(() => sessions.map(({ wakeTexts }) => wakeTexts().length), within).toEqual(ids.map(() => 1))
      for (const { host } of sessions) await host.did('inbox')
    }
    await expect.poll(statuses, within).toEqual(ids.map(() => (kind === 'none' ? 'unavailable' : 'woken')))
    await close(sessions)
  },
  600_000,
)
