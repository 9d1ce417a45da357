import { lookup as resolveName } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isInBlockList, toBlockList } from './cidr.ts'

/**
 * The special-purpose networks of IANA that are not globally reachable, and those through which an
 * address of IPv6 leads to one of IPv4.
 */
const specialIpv4 = toBlockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])
const globalIpv6 = toBlockList(['2000::/3'])
const specialIpv6 = toBlockList(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

/** Returns the address of IPv4 in a mapped one of IPv6; any other address unchanged. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address
  const { hostname } = new URL(`http://[${address.split('%', 1)[0]}]`)
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return address
  const [one, other] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [one >> 8, one & 255, other >> 8, other & 255].join('.')
}

function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !isInBlockList(specialIpv4, address)
  return isInBlockList(globalIpv6, address) && !isInBlockList(specialIpv6, address)
}

/** The endpoint is at an address that the server must not call. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
}

/** Decides which addresses webhooks may call. */
export class AddressPolicy {
  readonly #allowed: ReturnType<typeof toBlockList>

  /** `cidrs` are networks that may be called although they are private, and without encryption. */
  constructor(cidrs: readonly string[]) {
    this.#allowed = toBlockList(cidrs)
  }

  isAllowed(address: string, isEncrypted: boolean): boolean {
    const plain = unmapped(address)
    return isInBlockList(this.#allowed, plain) || (isEncrypted && isPublic(plain))
  }

  /** Throws AddressRefusedError for a URL whose host is an address that must not be called. */
  requireAllowedHost({ hostname, protocol }: URL): void {
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !this.isAllowed(host, protocol === 'https:'))
      throw new AddressRefusedError(`${host} is not a public address`)
  }

  /**
   * Returns the resolver of a connection. It resolves a name once and returns an address that it
   * has checked, so that the name cannot change in between. One refused address refuses the name.
   */
  resolver(isEncrypted: boolean): LookupFunction {
    return (hostname, options, callback) => {
      resolveName(hostname, { all: true }, (error, addresses) => {
        const [first] = addresses ?? []
        const refused = (addresses ?? []).find(({ address }) => !this.isAllowed(address, isEncrypted))
        if (error || !first) callback(error ?? new Error(`${hostname} has no address`), '')
        else if (refused) callback(new AddressRefusedError(`${hostname} resolves to ${refused.address}`), '')
        else if (options.all) callback(null, [first])
        else callback(null, first.address, first.family)
      })
    }
  }
}
