import * as shapes from '@tony/mcp-shared/wakes'
import { announceSession } from '../operations/wakes/announce.ts'
import { attemptWake } from '../operations/wakes/attempt.ts'
import { giveUpWake } from '../operations/wakes/give-up.ts'
import { mutation, router } from './procedure.ts'

const options = { permission: 'messages:receive', repeatable: true, lane: 'urgent' } as const

export const wakesRouter = router({
  announce: mutation(
    { ...options, input: shapes.wakeAnnounceInput, output: shapes.wakeAnnounceOutput },
    announceSession,
  ),
  attempt: mutation({ ...options, input: shapes.wakeAttemptInput, output: shapes.wakeAttemptOutput }, attemptWake),
  giveUp: mutation({ ...options, input: shapes.wakeGiveUpInput, output: shapes.wakeGiveUpOutput }, giveUpWake),
})
