import { TonyError } from '../api/errors.ts'

/** The address of a server, without the slash at its end. Throws INVALID_INPUT for what is none, before anything is tried. */
export function addressOf(url: string): string {
  const { protocol, search, hash } = URL.canParse(url) ? new URL(url) : { protocol: '', search: '', hash: '' }
  // Paths of the API are put behind it.
  if (/^https?:$/.test(protocol) && search === '' && hash === '') return url.replace(/[/?#]+$/, '')
  throw new TonyError(`${JSON.stringify(url)} is no address of a server: give one like http://127.0.0.1:3456`, {
    code: 'INVALID_INPUT',
    retryable: false,
    applied: 'no',
  })
}
