import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** The names that Express gives to ranges in its `trust proxy`, so that one setting means the same for both processes. */
const ranges: Record<string, readonly string[]> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/**
 * The address a request came from, for limits: the nearest one that is not a trusted proxy. X-Forwarded-For is believed
 * from right to left and only as far as those who wrote it are trusted, so a client cannot choose its address.
 */
export function addressReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = new BlockList()
  for (const part of trustedProxies.flatMap((proxy) => ranges[proxy] ?? [proxy])) {
    const [address = '', prefix] = part.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0) continue
    if (prefix === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(prefix), family)
  }
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return (request) => {
    const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',')
    let address = plain(request.socket.remoteAddress ?? '')
    while (isIP(address) !== 0 && isTrusted(address)) {
      const before = plain(forwarded.pop()?.trim() ?? '')
      if (isIP(before) === 0) break
      address = before
    }
    return address
  }
}

/** IPv4 as IPv4, also when the socket is dual-stack. */
const plain = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)
