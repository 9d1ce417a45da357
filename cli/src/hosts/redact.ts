import { isRecord } from './slots.ts'

const secretName = /key$|token|secret|password|authorization|credential/i
const secretText = /\b(tck_|sk-|ghp_|eyJ)[\w.-]{8,}|Bearer\s+\S+/g
/** A secret in a line of a file, behind the name it has there. */
const assigned = /^(\s*\w*(?:key|token|secret|password|authorization|credential)\w*\s*=\s*)"[^"]*"/gim

const hidden = '[not shown]'

const withoutSecrets = (text: string): string =>
  text.replaceAll(secretText, hidden).replaceAll(assigned, `$1"${hidden}"`)

/** A value as it may be printed: nothing that looks like a secret, or is called one. */
export function redacted(value: unknown, name = ''): unknown {
  // The name of a file with a secret is none.
  if (typeof value === 'string')
    return secretName.test(name) && !name.endsWith('_FILE') ? hidden : withoutSecrets(value)
  if (Array.isArray(value)) return value.map((one) => redacted(one))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, redacted(held, key)]))
}
