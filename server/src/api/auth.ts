import * as shapes from '@tony/mcp-shared/auth'
import { z } from 'zod'
import { createKey } from '../operations/auth/keys/create.ts'
import { listKeys } from '../operations/auth/keys/list.ts'
import { revokeKey } from '../operations/auth/keys/revoke.ts'
import { rotateKey } from '../operations/auth/keys/rotate.ts'
import { listSessions } from '../operations/auth/list-sessions.ts'
import { refreshSession } from '../operations/auth/refresh.ts'
import { renewIdentity } from '../operations/auth/renew.ts'
import { revokeAccess } from '../operations/auth/revoke.ts'
import { whoami } from '../operations/auth/whoami.ts'
import { mutation, query, router } from './procedure.ts'

const keysRouter = router({
  create: mutation(
    { permission: 'keys:write', cost: 5, input: shapes.keyCreateInput, output: shapes.keyCreateOutput },
    createKey,
  ),
  list: query({ permission: 'keys:read', cost: 2, input: shapes.keyListInput, output: shapes.keyListOutput }, listKeys),
  rotate: mutation(
    { permission: 'keys:write', cost: 5, input: shapes.keyRotateInput, output: shapes.keyRotateOutput },
    rotateKey,
  ),
  revoke: mutation(
    { permission: 'keys:write', repeatable: true, input: shapes.keyRevokeInput, output: shapes.keyRevokeOutput },
    revokeKey,
  ),
})

const sessionsRouter = router({
  list: query(
    { permission: 'sessions:read', cost: 2, input: shapes.sessionListInput, output: shapes.sessionListOutput },
    listSessions,
  ),
})

export const authRouter = router({
  refresh: mutation(
    {
      permission: 'open',
      cost: 5,
      repeatable: true,
      lane: 'urgent',
      input: shapes.authRefreshInput,
      output: shapes.authRefreshOutput,
    },
    refreshSession,
  ),
  renew: mutation(
    {
      permission: 'auth:self',
      repeatable: true,
      lane: 'urgent',
      input: shapes.authRenewInput,
      output: shapes.authRenewOutput,
    },
    renewIdentity,
  ),
  revoke: mutation(
    { permission: 'auth:self', repeatable: true, input: shapes.authRevokeInput, output: shapes.authRevokeOutput },
    revokeAccess,
  ),
  whoami: query(
    { permission: 'auth:self', input: z.strictObject({}).optional(), output: shapes.authWhoamiOutput },
    whoami,
  ),
  keys: keysRouter,
  sessions: sessionsRouter,
})
