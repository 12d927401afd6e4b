import { isIP } from 'node:net'

/**
 * Whom an address counts as, for limits: an IPv4 address as itself, also when it is written as IPv6, and of an IPv6 address its
 * first 64 bits, because whoever has one has the whole network and could come from another one each time. What is no
 * address counts as itself.
 */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const groups = groupsOf(address)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped)
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.')
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** The eight numbers of an IPv6 address, whatever its notation. */
function groupsOf(address: string): number[] {
  const [written = ''] = address.split('%')
  // In the notation of URLs there are no dotted parts.
  const { hostname } = new URL(`http://[${written}]`)
  const [head = '', tail] = hostname.slice(1, -1).split('::')
  const numbers = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [numbers(head), numbers(tail ?? '')]
  const gap = Array.from({ length: 8 - before.length - after.length }, () => 0)
  return [...before, ...gap, ...after]
}
