import type { FeedEvent } from '@tony/mcp-client'
import { test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { weighted } from './acts.ts'
import { addTask, plainSpec, someTasks } from './creating.commands.ts'
import { same } from './differs.ts'
import { exploreTwice } from './explore.ts'
import { feedOf, listing, misreading } from './feed.commands.ts'
import { messageCommands } from './messages.commands.ts'
import { messagePart } from './messages.part.ts'
import type { Play } from './play.ts'
import { taskCommands } from './tasks.commands.ts'
import { taskPart } from './tasks.part.ts'
import { Site } from './world.ts'

const commands = [...taskCommands, ...messageCommands, ...weighted([20, listing], [1, misreading])]

/**
 * Follows the feed of one agent from its beginning during the run, and compares it after the run.
 */
async function follow(play: Play, index: number): Promise<() => Promise<void>> {
  const caller = play.state.agents[index]
  const client = play.world.connect(caller)
  const events = client.events.subscribe({ cursor: 'start' })[Symbol.asyncIterator]()
  const got: FeedEvent[] = []
  const next = async () => {
    const { value, done } = await events.next()
    if (done) throw new Error(`the feed ended after ${got.length} events`)
    if (value.type !== 'checkpoint') got.push(value)
  }
  await next()
  return async () => {
    const expected = feedOf(play, caller, {}, 0)
    while (got.length < expected.length) await next()
    client.close()
    same(expected, got, 'what a subscriber got')
  }
}

test('every caller reads exactly the events it may see, from any cursor, once and in order', async () => {
  await using site = await Site.open()
  let ended: (() => Promise<void>) | undefined
  await exploreTwice(site, {
    what: 'feed',
    commands,
    parts: [taskPart, messagePart],
    runs: roundsOf({ part: 37, full: 300, variable: 'MODEL_RUNS' }),
    begin: async (play, lot) => {
      await someTasks(play)
      ended = lot < 5 ? await follow(play, lot) : undefined
    },
    end: async (play) => {
      // This is the last visible event. If the subscription missed an earlier one, that event is
      // lost.
      await play.turn()
      await addTask(play, plainSpec)
      await play.agree('tasks.create')
      await ended?.()
    },
  })
}, 1_200_000)
