import * as leases from '@tony/mcp-shared/leases'
import * as changes from '@tony/mcp-shared/task-changes'
import * as queries from '@tony/mcp-shared/task-queries'
import * as shapes from '@tony/mcp-shared/tasks'
import { adoptResult } from '../tasks/adopt.ts'
import { cancelTask } from '../tasks/cancel.ts'
import { cancelManyTasks } from '../tasks/cancel-many.ts'
import { claimTasks } from '../tasks/claim.ts'
import { completeTask } from '../tasks/complete.ts'
import { createTask } from '../tasks/create.ts'
import { createManyTasks } from '../tasks/create-many.ts'
import { explainTask } from '../tasks/explain.ts'
import { extendLease } from '../tasks/extend.ts'
import { failTask } from '../tasks/fail.ts'
import { getTask } from '../tasks/get.ts'
import { listTasks } from '../tasks/list.ts'
import { lockTask } from '../tasks/lock.ts'
import { nextTask } from '../tasks/next.ts'
import { noteProgress } from '../tasks/progress.ts'
import { provideInput } from '../tasks/provide-input.ts'
import { releaseTask } from '../tasks/release.ts'
import { requestInput } from '../tasks/request-input.ts'
import { retryTask } from '../tasks/retry.ts'
import { retryManyTasks } from '../tasks/retry-many.ts'
import { treeOfTasks } from '../tasks/tree.ts'
import { updateTask } from '../tasks/update.ts'
import { verifyTask } from '../tasks/verify.ts'
import { workTasks } from '../tasks/work.ts'
import { mutation, query, router, subscription } from './procedure.ts'

export const tasks = router({
  create: mutation({ permission: 'tasks:create', input: shapes.taskCreateInput, output: shapes.task }, createTask),
  createMany: mutation(
    { permission: 'tasks:create', cost: 10, input: shapes.taskCreateManyInput, output: shapes.taskCreateManyOutput },
    createManyTasks,
  ),
  claim: mutation(
    { permission: 'tasks:work', cost: 2, input: leases.taskClaimInput, output: leases.taskClaimOutput },
    claimTasks,
  ),
  next: mutation(
    { permission: 'tasks:work', cost: 2, input: leases.taskNextInput, output: leases.taskNextOutput },
    nextTask,
  ),
  work: subscription(
    { permission: 'tasks:work', cost: 2, input: leases.taskWorkInput, output: shapes.leasedTask },
    workTasks,
  ),
  extend: mutation(
    { permission: 'tasks:work', repeatable: true, input: leases.taskExtendInput, output: leases.taskExtendOutput },
    extendLease,
  ),
  lock: mutation(
    { permission: 'tasks:work', repeatable: true, input: leases.taskLockInput, output: leases.taskLockOutput },
    lockTask,
  ),
  progress: mutation(
    { permission: 'tasks:work', repeatable: true, input: leases.taskProgressInput, output: leases.taskProgressOutput },
    noteProgress,
  ),
  complete: mutation(
    { permission: 'tasks:work', repeatable: true, input: leases.taskCompleteInput, output: changes.taskMoved },
    completeTask,
  ),
  fail: mutation({ permission: 'tasks:work', input: leases.taskFailInput, output: leases.taskFailOutput }, failTask),
  release: mutation(
    { permission: 'tasks:work', input: leases.taskReleaseInput, output: leases.taskReleaseOutput },
    releaseTask,
  ),
  cancel: mutation(
    { permission: 'tasks:cancel', input: changes.taskCancelInput, output: changes.taskMoved },
    cancelTask,
  ),
  cancelMany: mutation(
    { permission: 'tasks:cancel', cost: 10, input: changes.taskCancelManyInput, output: changes.taskBulkOutput },
    cancelManyTasks,
  ),
  retry: mutation({ permission: 'tasks:manage', input: changes.taskRetryInput, output: changes.taskMoved }, retryTask),
  retryMany: mutation(
    { permission: 'tasks:manage', cost: 10, input: changes.taskRetryManyInput, output: changes.taskBulkOutput },
    retryManyTasks,
  ),
  requestInput: mutation(
    { permission: 'tasks:work', input: leases.taskRequestInputInput, output: changes.taskMoved },
    requestInput,
  ),
  provideInput: mutation(
    { permission: 'tasks:manage', input: changes.taskProvideInputInput, output: changes.taskMoved },
    provideInput,
  ),
  verify: mutation(
    { permission: 'tasks:verify', input: changes.taskVerifyInput, output: changes.taskMoved },
    verifyTask,
  ),
  adopt: mutation({ permission: 'tasks:work', input: changes.taskAdoptInput, output: changes.taskMoved }, adoptResult),
  update: mutation(
    { permission: 'tasks:manage', input: changes.taskUpdateInput, output: changes.taskMoved },
    updateTask,
  ),
  get: query({ permission: 'tasks:read', input: queries.taskGetInput, output: shapes.task }, getTask),
  list: query(
    { permission: 'tasks:read', cost: 2, input: queries.taskListInput, output: queries.taskListOutput },
    listTasks,
  ),
  tree: query(
    { permission: 'tasks:read', cost: 5, input: queries.taskTreeInput, output: queries.taskTreeOutput },
    treeOfTasks,
  ),
  explain: query(
    { permission: 'tasks:read', cost: 5, input: queries.taskExplainInput, output: queries.taskExplainOutput },
    explainTask,
  ),
})
