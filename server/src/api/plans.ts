import {
  planAbortInput,
  planAbortOutput,
  planAddInput,
  planAddOutput,
  planBeginInput,
  planBeginOutput,
  planCommitInput,
  planCommitOutput,
} from '@tony/mcp-shared/plans'
import { abortPlan } from '../operations/plans/abort.ts'
import { addToPlan } from '../operations/plans/add.ts'
import { beginPlan } from '../operations/plans/begin.ts'
import { commitPlan } from '../operations/plans/commit.ts'
import { mutation, router } from './procedure.ts'

export const plansRouter = router({
  begin: mutation({ permission: 'plans:write', input: planBeginInput, output: planBeginOutput }, beginPlan),
  add: mutation(
    { permission: 'plans:write', repeatable: true, cost: 10, lane: 'bulk', input: planAddInput, output: planAddOutput },
    addToPlan,
  ),
  commit: mutation(
    { permission: 'plans:write', cost: 50, lane: 'bulk', input: planCommitInput, output: planCommitOutput },
    commitPlan,
  ),
  abort: mutation(
    { permission: 'plans:write', repeatable: true, input: planAbortInput, output: planAbortOutput },
    abortPlan,
  ),
})
