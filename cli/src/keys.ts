import { listSigningKeys, rotateSigningKeys } from '@tony/mcp-server/maintenance/keys'
import { type ConfirmOptions, confirmEffects } from './verbs/confirmation.ts'

export interface RotateOptions extends ConfirmOptions {
  readonly dbPath?: string
  readonly in?: number
  readonly now: boolean
  readonly revoke: boolean
  readonly json: boolean
}

/** True if the caller has confirmed that these keys end. */
async function confirmRevocation(options: RotateOptions): Promise<boolean> {
  const { dbPath, yes, dryRun } = options
  // A revocation repairs a damaged key file, whose keys nobody can list.
  if (yes && !dryRun) return true
  const keys = await listSigningKeys({ database: dbPath })
  const effects = keys.map(({ kid, signsFrom }) => ({
    id: kid,
    text: `ends this key, which signs from ${signsFrom}, with every access token that it has signed`,
  }))
  return confirmEffects(['keys rotate', dbPath ?? null], options, effects)
}

/** `tony-mcp keys rotate`: rotates the signing keys and prints the result. */
export async function rotateCommand(options: RotateOptions): Promise<void> {
  const { dbPath, in: inMs, now, revoke, json, dryRun } = options
  // Without --revoke nothing ends, so there is nothing to confirm or to list.
  if (revoke ? !(await confirmRevocation(options)) : dryRun && !confirmEffects([], options, [])) return
  const keys = await rotateSigningKeys({ database: dbPath, inMs: now ? 0 : inMs, revoke })
  const lines = keys.map(({ kid, signsFrom }) => `${kid} signs from ${signsFrom}`)
  if (revoke) lines.push('every other key and its tokens are revoked: agents must refresh')
  process.stdout.write(`${json ? JSON.stringify({ keys }) : lines.join('\n')}\n`)
}
