import { S3Error } from './s3-error.ts'

/** Percent-encoding as AWS signs it: everything but A-Z a-z 0-9 - . _ ~, which is stricter than encodeURIComponent. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The same for a path, whose slashes stay. */
export function uriEncodePath(path: string): string {
  return path.split('/').map(uriEncode).join('/')
}

export function uriDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new S3Error('InvalidArgument', 'the address is not valid percent-encoded UTF-8')
  }
}

/** Names and values of a query string, decoded, in the order they came. */
export function parseQuery(query: string): [string, string][] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
      return [uriDecode(name.replaceAll('+', ' ')), uriDecode(value.replaceAll('+', ' '))]
    })
}
