import * as shapes from '@tony/mcp-shared/tasks'
import { cancelTask } from '../tasks/cancel.ts'
import { claimTasks } from '../tasks/claim.ts'
import { completeTask } from '../tasks/complete.ts'
import { createTask } from '../tasks/create.ts'
import { createManyTasks } from '../tasks/create-many.ts'
import { extendLease } from '../tasks/extend.ts'
import { failTask } from '../tasks/fail.ts'
import { getTask } from '../tasks/get.ts'
import { listTasks } from '../tasks/list.ts'
import { nextTask } from '../tasks/next.ts'
import { noteProgress } from '../tasks/progress.ts'
import { releaseTask } from '../tasks/release.ts'
import { treeOfTasks } from '../tasks/tree.ts'
import { workTasks } from '../tasks/work.ts'
import { mutation, query, router, subscription } from './procedure.ts'

export const tasks = router({
  create: mutation({ permission: 'tasks:create', input: shapes.taskCreateInput, output: shapes.task }, createTask),
  createMany: mutation(
    { permission: 'tasks:create', cost: 10, input: shapes.taskCreateManyInput, output: shapes.taskCreateManyOutput },
    createManyTasks,
  ),
  claim: mutation(
    { permission: 'tasks:work', cost: 2, input: shapes.taskClaimInput, output: shapes.taskClaimOutput },
    claimTasks,
  ),
  next: mutation(
    { permission: 'tasks:work', cost: 2, input: shapes.taskNextInput, output: shapes.taskNextOutput },
    nextTask,
  ),
  work: subscription(
    { permission: 'tasks:work', cost: 2, input: shapes.taskWorkInput, output: shapes.leasedTask },
    workTasks,
  ),
  extend: mutation(
    { permission: 'tasks:work', repeatable: true, input: shapes.taskExtendInput, output: shapes.taskExtendOutput },
    extendLease,
  ),
  progress: mutation(
    { permission: 'tasks:work', repeatable: true, input: shapes.taskProgressInput, output: shapes.taskProgressOutput },
    noteProgress,
  ),
  complete: mutation(
    { permission: 'tasks:work', repeatable: true, input: shapes.taskCompleteInput, output: shapes.taskCompleteOutput },
    completeTask,
  ),
  fail: mutation({ permission: 'tasks:work', input: shapes.taskFailInput, output: shapes.taskFailOutput }, failTask),
  release: mutation(
    { permission: 'tasks:work', input: shapes.taskReleaseInput, output: shapes.taskReleaseOutput },
    releaseTask,
  ),
  cancel: mutation(
    { permission: 'tasks:cancel', input: shapes.taskCancelInput, output: shapes.taskCancelOutput },
    cancelTask,
  ),
  get: query({ permission: 'tasks:read', input: shapes.taskGetInput, output: shapes.task }, getTask),
  list: query(
    { permission: 'tasks:read', cost: 2, input: shapes.taskListInput, output: shapes.taskListOutput },
    listTasks,
  ),
  tree: query(
    { permission: 'tasks:read', cost: 5, input: shapes.taskTreeInput, output: shapes.taskTreeOutput },
    treeOfTasks,
  ),
})
