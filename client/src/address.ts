import { TonyError } from './errors.ts'

/** The address of a server, without the slash at its end. Throws INVALID_INPUT for what is none, before anything is tried. */
export function addressOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, '')
  throw new TonyError(`${JSON.stringify(url)} is no address of a server: give one like http://127.0.0.1:3456`, {
    code: 'INVALID_INPUT',
    retryable: false,
    applied: 'no',
  })
}
