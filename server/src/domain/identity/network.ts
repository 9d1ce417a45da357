import { isIP } from 'node:net'

const zeros = (count: number): string[] => Array.from({ length: Math.max(0, count) }, () => '0')

/**
 * Whose an address is, for whatever counts by it. A host of IPv6 has a network of 64 bits to itself and may call from each of
 * its addresses: counted by the address it would be somebody new each time.
 */
export function networkOf(address: string | undefined): string {
  if (address === undefined || isIP(address) !== 6) return String(address)
  const [before = [], after = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...before, ...zeros(8 - before.length - after.length), ...after].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
