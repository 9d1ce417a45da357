import * as shapes from '@tony/mcp-shared/dead-letters'
import { listDeadLetters } from '../operations/messages/dead-letters/list.ts'
import { purgeDeadLetters } from '../operations/messages/dead-letters/purge.ts'
import { redriveDeadLetters } from '../operations/messages/dead-letters/redrive.ts'
import { mutation, query, router } from './procedure.ts'

export const deadLettersRouter = router({
  list: query(
    { permission: 'messages:read', cost: 2, input: shapes.deadLetterListInput, output: shapes.deadLetterListOutput },
    listDeadLetters,
  ),
  redrive: mutation(
    {
      permission: 'dead_letters:write',
      lane: 'bulk',
      cost: 10,
      input: shapes.deadLetterRedriveInput,
      output: shapes.deadLetterRedriveOutput,
    },
    redriveDeadLetters,
  ),
  purge: mutation(
    {
      permission: 'dead_letters:write',
      lane: 'bulk',
      cost: 10,
      input: shapes.deadLetterPurgeInput,
      output: shapes.deadLetterPurgeOutput,
    },
    purgeDeadLetters,
  ),
})
