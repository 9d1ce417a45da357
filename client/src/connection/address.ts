import { TonyError } from '../api/errors.ts'

/**
 * Returns the URL of a server without slashes at its end. Throws INVALID_INPUT if it is not an http
 * or https URL, or has a query or a fragment.
 */
export function normalizeServerUrl(url: string): string {
  const { protocol, search, hash } = URL.canParse(url) ? new URL(url) : { protocol: '', search: '', hash: '' }
  // API paths are appended to the URL, so it must not have a query or a fragment.
  if (/^https?:$/.test(protocol) && search === '' && hash === '') return url.replace(/[/?#]+$/, '')
  throw new TonyError(
    `${JSON.stringify(url)} is not the URL of a server: use http://HOST:PORT without a query or a fragment`,
    {
      code: 'INVALID_INPUT',
      retryable: false,
      applied: 'no',
    },
  )
}
