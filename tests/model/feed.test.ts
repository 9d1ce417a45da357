import type { FeedEvent } from '@tony/mcp-client'
import { test } from 'vitest'
import { same } from './differs.ts'
import { exploreTwice } from './explore.ts'
import { feedOf, listing, misreading } from './feed.commands.ts'
import { messageCommands } from './messages.commands.ts'
import { messagePart } from './messages.part.ts'
import type { Play } from './play.ts'
import { taskCommands } from './tasks.commands.ts'
import { create } from './tasks.model.ts'
import { taskPart } from './tasks.part.ts'
import { Site } from './world.ts'

const commands = [...taskCommands, ...messageCommands, ...Array.from({ length: 8 }, () => listing), misreading]

/** Follows the feed of one agent from its beginning while the run goes on, and compares it when the run has ended. */
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

test('everyone reads exactly the events they may see, from any cursor, once and in order', async () => {
  await using site = await Site.open()
  let run = 0
  let ended: (() => Promise<void>) | undefined
  await exploreTwice(site, {
    what: 'feed',
    commands,
    parts: [taskPart, messagePart],
    runs: 300,
    begin: async (play) => {
      run += 1
      ended = run % 10 === 0 ? await follow(play, (run / 10) % 5) : undefined
    },
    end: async (play) => {
      await play.advance(3)
      const { state } = play
      const reply = await play.call(
        undefined,
        'tasks.create',
        { type: 'code', title: `task ${state.tasks.length}` },
        () => ({}),
      )
      const task = create(state, undefined, last)
      if (reply.ok && typeof reply.value === 'object' && reply.value && 'id' in reply.value)
        task.id = String(reply.value.id)
      play.agree('the last')
      await ended?.()
    },
  })
}, 300_000)

const last = {
  priority: 'normal',
  requires: [],
  assignedTo: undefined,
  dependsOn: [],
  onDependencyFailure: 'block',
  acceptance: 'complete',
  maxAttempts: 3,
  notBeforeMs: undefined,
  scheduleToStartMs: undefined,
  startToCloseMs: undefined,
  scheduleToCloseMs: undefined,
  locks: [],
  epic: undefined,
} as const
