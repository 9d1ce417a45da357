import { isRecord } from '../is-record.ts'

const secretNamePattern = /key$|token|secret|password|authorization|credential/i
const secretTextPattern = /\b(tck_|sk-|ghp_|eyJ)[\w.-]{8,}|Bearer\s+\S+/g
/** An assignment of a secret in a line of a file. */
const assignedSecretPattern = /^(\s*\w*(?:key|token|secret|password|authorization|credential)\w*\s*=\s*)"[^"]*"/gim

const redactedText = '[not shown]'

const withoutSecrets = (text: string): string =>
  text.replaceAll(secretTextPattern, redactedText).replaceAll(assignedSecretPattern, `$1"${redactedText}"`)

/** Returns a value for printing, without anything that has the form or the name of a secret. */
export function redact(value: unknown, name = ''): unknown {
  // A variable that ends in `_FILE` has the path of a secret and not the secret.
  if (typeof value === 'string')
    return secretNamePattern.test(name) && !name.endsWith('_FILE') ? redactedText : withoutSecrets(value)
  if (Array.isArray(value)) return value.map((one) => redact(one))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, redact(held, key)]))
}
