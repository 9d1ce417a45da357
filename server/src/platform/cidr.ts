import { BlockList, isIP } from 'node:net'

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Builds a block list from CIDRs such as `192.0.2.0/24` or `2001:db8::/32`. */
export function toBlockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', length] = cidr.split('/')
    list.addSubnet(network, Number(length), familyOf(network))
  }
  return list
}

/** True if the list contains the address; false if the text is not an address. */
export const isInBlockList = (list: BlockList, address: string): boolean =>
  isIP(address) !== 0 && list.check(address, familyOf(address))
