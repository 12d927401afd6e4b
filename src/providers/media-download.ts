import { Readable } from 'node:stream'
import { describeCode, networkCode, retryAfterMs } from './http-call.ts'
import type { MediaFetch, ProviderIo } from './port.ts'

/** `stale`: the address is no longer good, or not for us; a fresh one may be. */
export type MediaDownload = MediaFetch | { readonly kind: 'stale'; readonly reason: string }

const mostRedirects = 3
const busyRetryMs = 30_000

/**
 * Downloads a file from an address that the network gave us, as a stream. The address is not trusted: only hosts on
 * `io.mediaHosts` are contacted, compared after URL parsing, so that decimal, octal or v4-mapped forms of an internal address
 * match nothing unless they are listed themselves. An entry `host` stands for https on its usual port; `host:port` for exactly
 * that port, with http too. Redirects are followed by hand under the same rule, and `headers` (credentials) go to the first
 * host only. A body that pauses longer than `io.timeoutMs` fails; limits of size and total time belong to the reader.
 */
export async function downloadMedia(
  io: Pick<ProviderIo, 'fetch' | 'timeoutMs' | 'mediaHosts' | 'now'>,
  address: string,
  headers: Readonly<Record<string, string>>,
): Promise<MediaDownload> {
  let url = listedUrl(address, undefined, io.mediaHosts)
  const firstHost = url?.host
  for (let hop = 0; url !== undefined && hop <= mostRedirects; hop += 1) {
    const lifeline = new AbortController()
    const timer = setTimeout(
      () => lifeline.abort(new DOMException('no answer in time', 'TimeoutError')),
      io.timeoutMs,
    )
    let response: Response
    try {
      response = await io.fetch(url, {
        headers: { 'accept-encoding': 'identity', ...(url.host === firstHost ? headers : {}) },
        redirect: 'manual',
        signal: lifeline.signal,
      })
    } catch (error) {
      return { kind: 'later', afterMs: busyRetryMs, reason: describeCode(networkCode(error)) }
    } finally {
      clearTimeout(timer)
    }
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) {
      return settled(io, response, lifeline)
    }
    await response.body?.cancel()
    url = listedUrl(location, url, io.mediaHosts)
  }
  if (url === undefined) return { kind: 'failed', reason: 'the file is on a host that is not allowed' }
  return { kind: 'failed', reason: `more than ${mostRedirects} redirects` }
}

/** The address as a URL when its host is on the list, else undefined. */
function listedUrl(address: string, base: URL | undefined, mediaHosts: readonly string[]): URL | undefined {
  const url = URL.parse(address, base?.href)
  if (url === null || url.username !== '' || url.password !== '') return undefined
  const listed = new Set(mediaHosts.map((host) => host.toLowerCase()))
  if (url.protocol === 'https:' && url.port === '' && listed.has(url.hostname)) return url
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const plain = url.protocol === 'https:' || url.protocol === 'http:'
  return plain && listed.has(`${url.hostname}:${port}`) ? url : undefined
}

async function settled(
  io: Pick<ProviderIo, 'timeoutMs' | 'now'>,
  response: Response,
  lifeline: AbortController,
): Promise<MediaDownload> {
  const { status, headers } = response
  if (status === 200 && response.body !== null) {
    const size = headers.get('content-encoding') === null ? headers.get('content-length') : null
    const mimeType = headers.get('content-type')?.split(';')[0]?.trim()
    const fileName = /filename="?([^";]+)"?/.exec(headers.get('content-disposition') ?? '')?.[1]
    return {
      kind: 'stream',
      body: Readable.from(unpaused(response.body, io.timeoutMs, lifeline), { objectMode: false }),
      ...(mimeType && { mimeType }),
      ...(size !== null && /^\d+$/.test(size) && { sizeBytes: Number(size) }),
      ...(fileName !== undefined && { fileName: fileName.replaceAll('\0', '').toWellFormed() }),
    }
  }
  await response.body?.cancel()
  const reason = `the file server answered ${status}`
  if (status === 401 || status === 403 || status === 404) return { kind: 'stale', reason }
  if (status === 410) return { kind: 'gone', reason }
  if (status === 408 || status === 429 || status >= 500) {
    return { kind: 'later', afterMs: retryAfterMs(headers, io.now()) ?? busyRetryMs, reason }
  }
  return { kind: 'failed', reason }
}

/** The chunks of a body, failing when the next one takes longer than the limit. Leaving early cancels the download. */
async function* unpaused(
  body: ReadableStream<Uint8Array>,
  timeoutMs: number,
  lifeline: AbortController,
): AsyncGenerator<Uint8Array> {
  const stalled = () => lifeline.abort(new DOMException('the file stopped coming', 'TimeoutError'))
  let timer = setTimeout(stalled, timeoutMs)
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk
      timer = setTimeout(stalled, timeoutMs)
    }
  } finally {
    clearTimeout(timer)
  }
}
