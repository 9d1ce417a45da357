import { auditListInput, auditListOutput } from '@tony/mcp-shared/audit'
import { listAudit } from '../operations/audit/list.ts'
import { query, router } from './procedure.ts'

export const auditRouter = router({
  list: query({ permission: 'audit:read', cost: 2, input: auditListInput, output: auditListOutput }, listAudit),
})
