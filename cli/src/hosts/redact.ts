import { isRecord } from './slots.ts'

const secretName = /key$|token|secret|password|authorization|credential/i
const secretText = /\b(tck_|sk-|ghp_|eyJ)[\w.-]{8,}|Bearer\s+\S+/g
/** A secret in a line of a file, behind the name it has there. */
const assignedSecret = /^(\s*\w*(?:key|token|secret|password|authorization|credential)\w*\s*=\s*)"[^"]*"/gim

const redactedText = '[not shown]'

const withoutSecrets = (text: string): string =>
  text.replaceAll(secretText, redactedText).replaceAll(assignedSecret, `$1"${redactedText}"`)

/** A value as it may be printed: nothing that looks like a secret, or is called one. */
export function redact(value: unknown, name = ''): unknown {
  // The name of a file with a secret is none.
  if (typeof value === 'string')
    return secretName.test(name) && !name.endsWith('_FILE') ? redactedText : withoutSecrets(value)
  if (Array.isArray(value)) return value.map((one) => redact(one))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, redact(held, key)]))
}
