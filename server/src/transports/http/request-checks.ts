import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Config } from '../../config.ts'
import { isInBlockList, toBlockList } from '../../platform/cidr.ts'

const loopbackHosts = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackOrigins = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
const loopbackAddresses = /^(127\.|::1$)/

/** What a query may not carry: it ends up in logs, histories and the `Referer` of the next page. */
const credentialNames = /(^|&)(token|access_token|refresh_token|api_?key|key|authorization|bearer)=/i
const credentialValues = /(^|=)(tc[kbr]_[\w-]{20}|eyJ[\w-]{10,}\.[\w-]+\.)/

/** `::ffff:127.0.0.1` is how a socket for both families shows an address of IPv4. */
const unmapIpv4 = (address: string | undefined): string | undefined => address?.replace(/^::ffff:(?=\d+\.)/i, '')

/** What can be said of a request before anybody is asked who sent it. */
export class RequestChecks {
  readonly #config: Config
  readonly #proxies: BlockList
  readonly #scrapers: BlockList

  constructor(config: Config) {
    this.#config = config
    this.#proxies = toBlockList(config.trustedProxies)
    this.#scrapers = toBlockList(config.metricsCidrs)
  }

  /** Where a request comes from: what a trusted proxy says, and otherwise the other end of the connection. */
  addressOf({ socket, headers }: IncomingMessage): string | undefined {
    const peer = unmapIpv4(socket.remoteAddress)
    if (peer === undefined || !isInBlockList(this.#proxies, peer)) return peer
    const forwardedFor = String(headers['x-forwarded-for'] ?? '').split(',')
    // From the right: what is further left than the first that is no proxy of ours, the caller may have made up.
    const hops = forwardedFor.map((hop) => unmapIpv4(hop.trim()) ?? '').toReversed()
    const hop = hops.find((candidate) => !isInBlockList(this.#proxies, candidate))
    return hop !== undefined && isIP(hop) !== 0 ? hop : peer
  }

  /** Whether the metrics are for whoever is where this request comes from. */
  mayScrape(request: IncomingMessage): boolean {
    return isInBlockList(this.#scrapers, this.addressOf(request) ?? '')
  }

  /** Whether a page of this origin may call. Programs send none; `null` and everything unknown may not. */
  isOriginAllowed({ headers: { origin } }: IncomingMessage): boolean {
    if (origin === undefined || this.#config.allowedOrigins.includes(origin)) return true
    return this.#config.mode === 'dev' && loopbackOrigins.test(origin)
  }

  /**
   * Whether a request comes from this machine and was meant for it. All three count: the address alone would let any page
   * in the developer's browser in, and without the Host check a name that resolves to loopback would do.
   */
  isLocal(request: IncomingMessage): boolean {
    return (
      loopbackAddresses.test(this.addressOf(request) ?? '') &&
      loopbackHosts.test(request.headers.host ?? '') &&
      this.isOriginAllowed(request)
    )
  }

  /** Why a request is not looked at any further; undefined when it is. */
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
