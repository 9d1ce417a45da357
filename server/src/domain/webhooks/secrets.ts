import type { Pepper } from '../identity/pepper.ts'
import type { WebhookRow } from './rows.ts'

const purpose = 'webhook'

export const sealSecret = (pepper: Pepper, secret: string): string => pepper.seal(purpose, secret)

export const unsealSecret = (pepper: Pepper, sealed: string): string => pepper.unseal(purpose, sealed)

/** Returns the secrets that sign a delivery now: the present one, and the one before a rotation. */
export function signingSecretsOf(
  pepper: Pepper,
  { secret, previousSecret, previousUntil }: Pick<WebhookRow, 'secret' | 'previousSecret' | 'previousUntil'>,
  now: number,
): string[] {
  const sealed = previousSecret !== null && now < (previousUntil ?? 0) ? [secret, previousSecret] : [secret]
  return sealed.map((text) => unsealSecret(pepper, text))
}
