import type { HttpCall } from '../http-call.ts'
import type { OutboundMedia, OutboundMessage, ProviderChannel, ProviderIo, SendOutcome } from '../port.ts'
import { fileBody } from './file-body.ts'
import { failure, outcomeOf, refused } from './outcome.ts'
import { numberFor } from './recipient.ts'
import { mostFileBytes, refuse } from './refuse.ts'
import { ownIdOf, type SendCall, sendCall } from './send-body.ts'
import { actionUrl, callServer, type EvolutionServer, isServer, post, serverOf } from './server.ts'

const fileRetryMs = 15_000

/** Sends one message, once. */
export async function send(
  channel: ProviderChannel,
  message: OutboundMessage,
  io: ProviderIo,
): Promise<SendOutcome> {
  const reason = refuse(message)
  if (reason !== null) return refused('type_unsupported', 'The message cannot be sent like this', reason)
  const number = numberFor(message.to)
  if (number === null) {
    return refused(
      'contact_unreachable',
      'The contact cannot be reached',
      'there is no number, hidden id or group',
    )
  }
  const server = serverOf(channel, io)
  if (!isServer(server)) return { kind: 'refused', error: server, stopChannel: true }
  const call = sendCall(message, number)
  const ownId = message.type === 'reaction' ? undefined : ownIdOf(message)
  if (call.fileMember === undefined) {
    return outcomeOf(await post(io, server, call.action, call.body), server, io.now(), ownId)
  }
  if (message.media === undefined)
    return refused('media_not_ready', 'There is no file', 'the message has no media')
  const tooLarge = refuseFile(message.media.sizeBytes)
  if (tooLarge !== null) return refused('payload_too_large', 'The file is too large', tooLarge)
  return sendFile(io, server, { ...call, fileMember: call.fileMember }, message.media, ownId)
}

/** Why a file of this size cannot go; null when it can. */
export function refuseFile(sizeBytes: number): string | null {
  if (sizeBytes <= mostFileBytes) return null
  return `a paired number can send files of up to ${mostFileBytes} bytes; this one has ${sizeBytes}`
}

async function sendFile(
  io: ProviderIo,
  server: EvolutionServer,
  call: Required<SendCall>,
  media: OutboundMedia,
  ownId: string | undefined,
): Promise<SendOutcome> {
  const body = fileBody(call.body, call.fileMember, media)
  const answer: HttpCall = await callServer(io, server, actionUrl(server, call.action), {
    method: 'POST',
    body: body.chunks,
    duplex: 'half',
  })
  if (answer.kind === 'lost' && !body.isComplete()) {
    const error = failure('provider_unreachable', 'The file could not be handed over', answer.reason, true)
    return { kind: 'later', afterMs: fileRetryMs, scope: 'message', error }
  }
  return outcomeOf(answer, server, io.now(), ownId)
}
