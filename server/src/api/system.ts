import { systemInfoOutput } from '@tony/mcp-shared/system'
import { z } from 'zod'
import { systemInfo } from '../system/info.ts'
import { query, router } from './procedure.ts'

export const system = router({
  info: query({ permission: 'open', input: z.strictObject({}).optional(), output: systemInfoOutput }, systemInfo),
})
