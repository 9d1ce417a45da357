import { BlockList, isIP } from 'node:net'

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The blocks of addresses that a list of CIDRs names, as `192.0.2.0/24` or `2001:db8::/32`. */
export function toBlockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', length] = cidr.split('/')
    list.addSubnet(network, Number(length), familyOf(network))
  }
  return list
}

/** False for text that is no address. */
export const isInBlockList = (list: BlockList, address: string): boolean =>
  isIP(address) !== 0 && list.check(address, familyOf(address))
