import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Config } from '../../config.ts'
import { isInBlockList, toBlockList } from '../../platform/cidr.ts'

const loopbackHosts = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackOrigins = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackAddresses = /^(127\.|::1$)/

/**
 * Credentials that a query may not carry: a URL ends up in logs, histories and the `Referer` of the
 * next page.
 */
const credentialNames = /(^|&)(token|access_token|refresh_token|api_?key|key|authorization|bearer)=/i
const credentialValues = /(^|=)(tc[kbr]_[\w-]{20}|eyJ[\w-]{10,}\.[\w-]+\.)/

/**
 * Removes the prefix of `::ffff:127.0.0.1`, the form in which a dual-stack socket shows an IPv4
 * address.
 */
const unmapIpv4 = (address: string | undefined): string | undefined => address?.replace(/^::ffff:(?=\d+\.)/i, '')

/**
 * True if the `Origin` of a request names the same host as its `Host`. Behind a proxy that changes
 * the `Host`, the origin of the page must be listed in the configuration. The page of a foreign
 * name that resolves to this server passes too. It gains nothing by that: a browser adds no
 * credential on its own, and `isLocal` accepts only a `Host` of the loopback.
 */
const isOriginOfHost = (origin: string, host: string | undefined): boolean =>
  host !== undefined && /^https?:\/\/(?<host>[^/]+)$/.exec(origin)?.groups?.['host'] === host.toLowerCase()

/** Checks of an HTTP request that need no identity: its address, `Host`, `Origin` and URL. */
export class RequestChecks {
  readonly #config: Config
  readonly #proxies: BlockList
  readonly #scrapers: BlockList

  constructor(config: Config) {
    this.#config = config
    this.#proxies = toBlockList(config.trustedProxies)
    this.#scrapers = toBlockList(config.metricsCidrs)
  }

  /**
   * Returns the caller's address: the one a trusted proxy reports, otherwise the peer of the
   * connection.
   */
  addressOf({ socket, headers }: IncomingMessage): string | undefined {
    const peer = unmapIpv4(socket.remoteAddress)
    if (peer === undefined || !isInBlockList(this.#proxies, peer)) return peer
    const forwardedFor = String(headers['x-forwarded-for'] ?? '').split(',')
    // Read from the right: the caller may have forged the entries left of the first address that is
    // not a trusted proxy.
    const hops = forwardedFor.map((hop) => unmapIpv4(hop.trim()) ?? '').toReversed()
    const hop = hops.find((candidate) => !isInBlockList(this.#proxies, candidate))
    return hop !== undefined && isIP(hop) !== 0 ? hop : peer
  }

  /** True if the request comes from an address that may read the metrics. */
  mayScrape(request: IncomingMessage): boolean {
    return isInBlockList(this.#scrapers, this.addressOf(request) ?? '')
  }

  /**
   * True if a page of this origin may call. Programs send no `Origin` and may call, and so may the
   * dashboard; `null` and unknown origins may not.
   */
  isOriginAllowed({ headers: { origin, host } }: IncomingMessage): boolean {
    if (origin === undefined || this.#config.allowedOrigins.includes(origin)) return true
    if (isOriginOfHost(origin, host)) return true
    return this.#config.mode === 'dev' && loopbackOrigins.test(origin)
  }

  /**
   * True if a request comes from this machine and is meant for it. All three checks are needed: the
   * address alone would admit any page in the developer's browser, and without the `Host` check so
   * would a foreign name that resolves to loopback.
   */
  isLocal(request: IncomingMessage): boolean {
    return (
      loopbackAddresses.test(this.addressOf(request) ?? '') &&
      loopbackHosts.test(request.headers.host ?? '') &&
      this.isOriginAllowed(request)
    )
  }

  /** Returns the reason to refuse the request before authentication; undefined if there is none. */
  check(request: IncomingMessage): CoordinationError | undefined {
    const query = (request.url ?? '').split('?', 2)[1] ?? ''
    if (query !== '' && (credentialNames.test(query) || credentialValues.test(query)))
      return new CoordinationError('INVALID_INPUT', 'a credential in a URL ends up in logs: send it in a header')
    if ((request.headersDistinct['authorization']?.length ?? 0) > 1)
      return new CoordinationError('INVALID_INPUT', 'the request has more than one Authorization header')
    if (this.#config.mode === 'dev') return undefined
    const { allowedHosts } = this.#config
    const host = request.headers.host ?? ''
    const isAllowedHost = allowedHosts.includes(host) || allowedHosts.includes(host.replace(/:\d+$/, ''))
    if (allowedHosts.length > 0 && !isAllowedHost)
      return new CoordinationError('FORBIDDEN', 'the Host header is not in MCP_ALLOWED_HOSTS')
    if (!this.isOriginAllowed(request))
      return new CoordinationError('FORBIDDEN', 'this origin is not in MCP_ALLOWED_ORIGINS')
    return undefined
  }
}
