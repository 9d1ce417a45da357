import { test } from 'vitest'
import { exploreTwice } from './explore.ts'
import { messageCommands } from './messages.commands.ts'
import { messagePart } from './messages.part.ts'
import { Site } from './world.ts'

test('each message is in one place, and comes when and to whom the contract says', async () => {
  await using site = await Site.open()
  await exploreTwice(site, { what: 'messages', commands: messageCommands, parts: [messagePart], runs: 500 })
}, 300_000)
