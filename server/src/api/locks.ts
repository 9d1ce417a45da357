import { lockListInput, lockListOutput } from '@tony/mcp-shared/locks'
import { listLocks } from '../operations/locks/list.ts'
import { query, router } from './procedure.ts'

export const locksRouter = router({
  list: query({ permission: 'tasks:read', cost: 5, input: lockListInput, output: lockListOutput }, listLocks),
})
