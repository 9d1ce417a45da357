import { test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { someTasks } from './creating.commands.ts'
import { exploreTwice } from './explore.ts'
import { holdCommands, lifecycleCommands } from './lifecycle.commands.ts'
import { taskCommands } from './tasks.commands.ts'
import { compareTasks, taskPart } from './tasks.part.ts'
import { Site } from './world.ts'

test('tasks have the status of the contract after any sequence of calls', async () => {
  await using site = await Site.open()
  await exploreTwice(site, {
    what: 'tasks',
    commands: [...taskCommands, ...holdCommands, ...lifecycleCommands],
    parts: [taskPart],
    end: compareTasks,
    runs: roundsOf({ part: 80, full: 700, variable: 'MODEL_RUNS' }),
    begin: someTasks,
  })
}, 1_200_000)
