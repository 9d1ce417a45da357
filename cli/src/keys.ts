import { rotateSigningKeys } from '@tony/mcp-server/maintenance/keys'

export interface RotateOptions {
  readonly dbPath?: string
  readonly in?: number
  readonly now: boolean
  readonly revoke: boolean
  readonly json: boolean
}

/** `tony-mcp keys rotate`: rotates the signing keys and prints the result. */
export async function rotateCommand({ dbPath, in: inMs, now, revoke, json }: RotateOptions): Promise<void> {
  const keys = await rotateSigningKeys({ database: dbPath, inMs: now ? 0 : inMs, revoke })
  const lines = keys.map(({ kid, signsFrom }) => `${kid} signs from ${signsFrom}`)
  if (revoke) lines.push('every other key and its tokens are revoked: agents must refresh')
  process.stdout.write(`${json ? JSON.stringify({ keys }) : lines.join('\n')}\n`)
}
