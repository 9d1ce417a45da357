import { test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { someTasks } from './creating.commands.ts'
import { exploreTwice } from './explore.ts'
import { lockCommands, resize } from './locks.commands.ts'
import { compareTasks, taskPart } from './tasks.part.ts'
import { Site } from './world.ts'

test('no two conflicting locks are held at the same time, and no task waits for a free lock', async () => {
  await using site = await Site.open()
  await exploreTwice(site, {
    what: 'locks',
    commands: lockCommands,
    parts: [taskPart],
    end: compareTasks,
    runs: roundsOf({ part: 50, full: 400, variable: 'MODEL_RUNS' }),
    begin: async (play) => {
      await resize(play, { one: 1, two: 2 })
      await play.agree('projects.setPools')
      await someTasks(play)
    },
  })
}, 1_200_000)
