import { test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { exploreTwice } from './explore.ts'
import { messageCommands } from './messages.commands.ts'
import { compareMessages, messagePart } from './messages.part.ts'
import { fill, openInbox } from './sending.commands.ts'
import { Site } from './world.ts'

/** The smallest inbox capacity of which a twentieth is one message. */
const maxPending = 20

test('each message has one status and is delivered at the time and to the agent of the contract', async () => {
  await using site = await Site.open({ maxPending })
  await exploreTwice(site, {
    what: 'messages',
    commands: messageCommands,
    parts: [messagePart],
    end: compareMessages,
    runs: roundsOf({ part: 62, full: 500, variable: 'MODEL_RUNS' }),
    begin: async (play, lot) => {
      play.state.maxPending = maxPending
      // The inbox is almost full at the start, so that its limits matter.
      if (lot % 3 === 2) await fill(play, maxPending - 3)
      if (lot % 2 === 1) await openInbox(play)
    },
  })
}, 1_200_000)
