import { Failure } from '../../contract/errors.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Storage } from '../../platform/storage.ts'
import type { ProviderError } from '../../providers/inbound.ts'
import type { OutboundMedia, SendOutcome } from '../../providers/port.ts'
import { providers } from '../../providers/registry.ts'
import { type LoadedChannel, loadChannelForProvider } from '../channels/load-channel.ts'
import { providerIo } from '../channels/provider-io.ts'
import { openAttachment } from '../media/open-attachment.ts'
import type { ChannelKey, ClaimedSend } from './claim-sends.ts'

export interface PerformDeps extends LogDeps {
  readonly config: Config
  readonly log: Logger
  readonly metrics: Metrics
  readonly storage: Storage
}

/** Something of ours is away: the message waits, nobody is to blame. */
const ourTroubleMs = 5_000

/** The number that a claim is for, with its secrets: one read for all messages of the claim. null when it was removed. */
export function readChannel(deps: PerformDeps, channel: ChannelKey): Promise<LoadedChannel | null> {
  return readTenant(deps, channel.tenantId, (query) =>
    loadChannelForProvider({ query }, deps.config, channel.channelId),
  )
}

/**
 * One call of the network for a claimed message. Never throws: what goes wrong before the call is `later` or `refused`,
 * an error that comes out of the adapter is `unknown`, because nobody can say how far it came.
 */
export async function performSend(
  deps: PerformDeps,
  send: ClaimedSend,
  channel: Promise<LoadedChannel | null>,
): Promise<SendOutcome> {
  let outcome: SendOutcome
  try {
    outcome = await attempt(deps, send, channel)
  } catch (error) {
    deps.log.error(
      { err: error, messageId: send.message.id, attemptId: send.attemptId },
      'a send broke off in our code',
    )
    outcome = {
      kind: 'unknown',
      error: ours('internal', 'We failed while sending', 'our log knows the reason', false),
    }
  }
  deps.metrics.providerSends.inc({ provider: send.provider, result: outcome.kind })
  return outcome
}

async function attempt(
  deps: PerformDeps,
  send: ClaimedSend,
  reading: Promise<LoadedChannel | null>,
): Promise<SendOutcome> {
  const prepared = await prepare(deps, send, reading)
  if ('kind' in prepared) return prepared
  const { channel, media } = prepared
  let notOpened: unknown
  const watched = media && {
    ...media,
    open: () =>
      media.open().catch((error: unknown) => {
        notOpened = error
        throw error
      }),
  }
  try {
    return await providers[send.provider].send(
      channel,
      { ...send.message, ...(watched && { media: watched }) },
      providerIo(deps),
    )
  } catch (error) {
    // A file that could not even be opened was not sent, and neither was its message.
    if (error !== notOpened || !(error instanceof Failure)) throw error
    return fileTrouble(error)
  }
}

/** Everything that is ours to fetch before the network is called; nothing has gone out when this fails. */
async function prepare(
  deps: PerformDeps,
  send: ClaimedSend,
  reading: Promise<LoadedChannel | null>,
): Promise<{ channel: LoadedChannel; media?: OutboundMedia } | Exclude<SendOutcome, { kind: 'accepted' }>> {
  let channel: LoadedChannel | null
  try {
    channel = await reading
  } catch (error) {
    if (error instanceof Failure) return later(error)
    deps.log.error({ err: error, channelId: send.channelId }, 'the secrets of a channel cannot be read')
    const told = ours(
      'secrets_unreadable',
      'The secrets of the channel cannot be read',
      'enter them again',
      false,
    )
    return { kind: 'refused', error: told, stopChannel: true }
  }
  if (channel === null)
    return {
      kind: 'refused',
      error: ours('channel_down', 'The number was removed', '', false),
      stopChannel: false,
    }
  if (send.attachmentId === null) return { channel }
  try {
    return { channel, media: await openAttachment(deps, send.tenantId, send.attachmentId) }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return fileTrouble(error)
  }
}

function fileTrouble(failure: Failure): Exclude<SendOutcome, { kind: 'accepted' }> {
  if (failure.code === 'unavailable') return later(failure)
  const error = ours(failure.code, 'The file is not there', failure.message, true)
  return { kind: 'refused', error, stopChannel: false }
}

function later(failure: Failure): SendOutcome & { kind: 'later' } {
  const error = ours(failure.code, 'A server of ours does not answer', failure.message, true)
  return { kind: 'later', afterMs: ourTroubleMs, scope: 'message', error }
}

function ours(code: string, title: string, detail: string, retryable: boolean): ProviderError {
  return { code, title, detail, retryable }
}
