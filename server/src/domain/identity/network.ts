import { isIP } from 'node:net'

const zeros = (count: number): string[] => Array.from({ length: Math.max(0, count) }, () => '0')

/**
 * Returns the unit for limits by address: an IPv4 address or an IPv6 network. An IPv6 host has a
 * network of 64 bits and may call from each of its addresses, so that a limit for each address
 * would not bound it.
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined || isIP(address) !== 6) return String(address)
  const [before = [], after = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...before, ...zeros(8 - before.length - after.length), ...after].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
