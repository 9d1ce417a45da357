import type { authRenewInput, authRenewOutput } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { checkToken } from '../../domain/identity/issuers/external-identity.ts'
import { iso } from '../../platform/times.ts'

/**
 * `auth.renew`: the socket continues with a newer token of the same session. Its calls and
 * subscriptions stay open.
 */
export async function renewIdentity(
  ctx: Context,
  { token }: z.output<typeof authRenewInput>,
): Promise<z.output<typeof authRenewOutput>> {
  const renewed = await checkToken(ctx, token)
  if (renewed.expiresAt < ctx.clock.wall())
    throw new CoordinationError('TOKEN_EXPIRED', 'the token has expired: refresh it, or register again')
  const { subject, sessionId } = ctx.principal
  if (renewed.subject !== subject || renewed.sessionId !== sessionId)
    throw new CoordinationError('FORBIDDEN', 'a socket accepts tokens of its own session only: open another socket')
  ctx.reauthenticate(renewed)
  return { expiresAt: iso(renewed.expiresAt) }
}
