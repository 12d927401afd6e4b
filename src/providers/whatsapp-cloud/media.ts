import { downloadMedia, type MediaDownload } from '../media-download.ts'
import type { InboundMedia } from '../inbound.ts'
import type { MediaFetch, ProviderChannel, ProviderIo } from '../port.ts'
import { inner, numberIn, recordOf, textIn } from '../untrusted.ts'
import { authorizationOf, callGraph, type GraphCall } from './graph.ts'
import { failureOf } from './outcome.ts'

const credentialsRetryMs = 300_000
const staleRetryMs = 60_000

/**
 * Fetches a file that a user sent: look up the address by id, then download it with the same token. The address lives five
 * minutes, so one that is stale is looked up once more. Wrong credentials are `later`: the id stays good for seven days, time
 * enough for a human to renew the token.
 */
export async function fetchCloudMedia(
  channel: ProviderChannel,
  media: Pick<InboundMedia, 'ref'>,
  io: ProviderIo,
): Promise<MediaFetch> {
  const mediaId = textIn(media.ref, 'id')
  const authorization = authorizationOf(channel)
  if (mediaId === undefined) return { kind: 'failed', reason: 'the message does not say which file it holds' }
  if (authorization === undefined) {
    return { kind: 'later', afterMs: credentialsRetryMs, reason: 'the channel has no usable access token' }
  }
  let last: MediaDownload = { kind: 'failed', reason: 'not tried' }
  for (let lookup = 0; lookup < 2; lookup += 1) {
    const query = `phone_number_id=${encodeURIComponent(channel.settings.phoneNumberId ?? '')}`
    const call = await callGraph(channel, io, 'GET', `/${encodeURIComponent(mediaId)}?${query}`)
    const url = call.kind === 'answer' && call.status === 200 ? textIn(recordOf(call.json), 'url') : undefined
    if (url === undefined) return lookupFailure(call, io)
    last = await downloadMedia(io, url, { authorization, 'user-agent': 'switchboard' })
    if (last.kind !== 'stale') return last
  }
  return { kind: 'later', afterMs: staleRetryMs, reason: last.reason }
}

function lookupFailure(call: GraphCall, io: ProviderIo): MediaFetch {
  if (call.kind === 'answer') {
    const error = inner(recordOf(call.json), 'error')
    // "Object … does not exist": here the object is the file, not the number.
    if (call.status === 404 || (numberIn(error, 'code') === 100 && numberIn(error, 'error_subcode') === 33)) {
      return { kind: 'gone', reason: 'the network no longer has the file' }
    }
  }
  const failure = failureOf(call, io, false)
  const reason = failure.error.detail
  if (failure.kind === 'later') return { kind: 'later', afterMs: failure.afterMs, reason }
  if (failure.kind === 'refused' && failure.stopChannel) {
    return { kind: 'later', afterMs: credentialsRetryMs, reason }
  }
  return { kind: 'failed', reason }
}
