import * as leases from '@tony/mcp-shared/leases'
import * as changes from '@tony/mcp-shared/task-changes'
import * as creation from '@tony/mcp-shared/task-creation'
import * as queries from '@tony/mcp-shared/task-queries'
import * as shapes from '@tony/mcp-shared/tasks'
import { adoptResult } from '../operations/tasks/adopt.ts'
import { cancelTask } from '../operations/tasks/cancel.ts'
import { cancelManyTasks } from '../operations/tasks/cancel-many.ts'
import { claimTasks } from '../operations/tasks/claim.ts'
import { completeTask } from '../operations/tasks/complete.ts'
import { createTask } from '../operations/tasks/create.ts'
import { createManyTasks } from '../operations/tasks/create-many.ts'
import { explainTask } from '../operations/tasks/explain.ts'
import { extendLease } from '../operations/tasks/extend.ts'
import { failTask } from '../operations/tasks/fail.ts'
import { getTask } from '../operations/tasks/get.ts'
import { holdTask, unholdTask } from '../operations/tasks/hold.ts'
import { listTasks } from '../operations/tasks/list.ts'
import { lockTask } from '../operations/tasks/lock.ts'
import { nextTask } from '../operations/tasks/next.ts'
import { reportProgress } from '../operations/tasks/progress.ts'
import { provideInput } from '../operations/tasks/provide-input.ts'
import { releaseTask } from '../operations/tasks/release.ts'
import { requestInput } from '../operations/tasks/request-input.ts'
import { retryTask } from '../operations/tasks/retry.ts'
import { retryManyTasks } from '../operations/tasks/retry-many.ts'
import { getTaskTree } from '../operations/tasks/tree.ts'
import { updateTask } from '../operations/tasks/update.ts'
import { verifyTask } from '../operations/tasks/verify.ts'
import { workTasks } from '../operations/tasks/work.ts'
import { mutation, query, router, subscription } from './procedure.ts'

export const tasksRouter = router({
  create: mutation({ permission: 'tasks:create', input: creation.taskCreateInput, output: shapes.task }, createTask),
  createMany: mutation(
    {
      permission: 'tasks:create',
      cost: 10,
      lane: 'bulk',
      input: creation.taskCreateManyInput,
      output: creation.taskCreateManyOutput,
    },
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
    {
      permission: 'tasks:work',
      repeatable: true,
      lane: 'urgent',
      input: leases.taskExtendInput,
      output: leases.taskExtendOutput,
    },
    extendLease,
  ),
  lock: mutation(
    { permission: 'tasks:work', repeatable: true, input: leases.taskLockInput, output: leases.taskLockOutput },
    lockTask,
  ),
  progress: mutation(
    {
      permission: 'tasks:work',
      repeatable: true,
      lane: 'urgent',
      input: leases.taskProgressInput,
      output: leases.taskProgressOutput,
    },
    reportProgress,
  ),
  complete: mutation(
    {
      permission: 'tasks:work',
      repeatable: true,
      lane: 'urgent',
      input: leases.taskCompleteInput,
      output: changes.taskTransitionOutput,
    },
    completeTask,
  ),
  fail: mutation(
    { permission: 'tasks:work', lane: 'urgent', input: leases.taskFailInput, output: leases.taskFailOutput },
    failTask,
  ),
  release: mutation(
    { permission: 'tasks:work', lane: 'urgent', input: leases.taskReleaseInput, output: leases.taskReleaseOutput },
    releaseTask,
  ),
  cancel: mutation(
    { permission: 'tasks:cancel', input: changes.taskCancelInput, output: changes.taskTransitionOutput },
    cancelTask,
  ),
  cancelMany: mutation(
    {
      permission: 'tasks:cancel',
      cost: 10,
      lane: 'bulk',
      input: changes.taskCancelManyInput,
      output: changes.taskBulkOutput,
    },
    cancelManyTasks,
  ),
  retry: mutation(
    { permission: 'tasks:manage', input: changes.taskRetryInput, output: changes.taskTransitionOutput },
    retryTask,
  ),
  retryMany: mutation(
    {
      permission: 'tasks:manage',
      cost: 10,
      lane: 'bulk',
      input: changes.taskRetryManyInput,
      output: changes.taskBulkOutput,
    },
    retryManyTasks,
  ),
  requestInput: mutation(
    { permission: 'tasks:work', input: leases.taskRequestInputInput, output: changes.taskTransitionOutput },
    requestInput,
  ),
  provideInput: mutation(
    { permission: 'tasks:manage', input: changes.taskProvideInputInput, output: changes.taskTransitionOutput },
    provideInput,
  ),
  verify: mutation(
    { permission: 'tasks:verify', input: changes.taskVerifyInput, output: changes.taskTransitionOutput },
    verifyTask,
  ),
  adopt: mutation(
    { permission: 'tasks:work', input: changes.taskAdoptInput, output: changes.taskTransitionOutput },
    adoptResult,
  ),
  update: mutation(
    { permission: 'tasks:manage', input: changes.taskUpdateInput, output: changes.taskTransitionOutput },
    updateTask,
  ),
  hold: mutation(
    { permission: 'tasks:manage', input: changes.taskHoldInput, output: changes.taskTransitionOutput },
    holdTask,
  ),
  unhold: mutation(
    { permission: 'tasks:manage', input: changes.taskUnholdInput, output: changes.taskTransitionOutput },
    unholdTask,
  ),
  get: query({ permission: 'tasks:read', input: queries.taskGetInput, output: shapes.task }, getTask),
  list: query(
    { permission: 'tasks:read', cost: 2, input: queries.taskListInput, output: queries.taskListOutput },
    listTasks,
  ),
  tree: query(
    { permission: 'tasks:read', cost: 5, input: queries.taskTreeInput, output: queries.taskTreeOutput },
    getTaskTree,
  ),
  explain: query(
    { permission: 'tasks:read', cost: 5, input: queries.taskExplainInput, output: queries.taskExplainOutput },
    explainTask,
  ),
})
