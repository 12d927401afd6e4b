import { Failure } from '../../contract/errors.ts'
import type { ChannelStatus } from '../inbound.ts'
import type { ChannelReport, ProviderChannel, ProviderIo } from '../port.ts'
import { inner, present, recordOf, textIn } from '../untrusted.ts'
import { callGraph } from './graph.ts'
import { failureOf } from './outcome.ts'

const fields = [
  'id',
  'display_phone_number',
  'verified_name',
  'quality_rating',
  'code_verification_status',
  'name_status',
  'status',
  'throughput',
  'platform_type',
  'whatsapp_business_manager_messaging_limit',
]

/** Meta's states of a number in ours. Others (`MIGRATED`, or new ones) say that it does not work here. */
const states: ReadonlyMap<string, ChannelStatus> = new Map([
  ['CONNECTED', 'connected'],
  ['FLAGGED', 'connected'],
  ['RATE_LIMITED', 'restricted'],
  ['RESTRICTED', 'restricted'],
  ['BANNED', 'blocked'],
  ['PENDING', 'connecting'],
  ['DELETED', 'removed'],
  ['MIGRATED', 'removed'],
])

/** Codes that say that Meta shut the account, not that our credentials are wrong. */
const lockedOut: ReadonlySet<string> = new Set(['368', '131031'])

/** Number, quality, tier, verified name and state, as the network has them now. */
export async function verifyNumber(channel: ProviderChannel, io: ProviderIo): Promise<ChannelReport> {
  const call = await callGraph(
    channel,
    io,
    'GET',
    `/${channel.settings.phoneNumberId}?fields=${fields.join(',')}`,
  )
  const number = call.kind === 'answer' && call.status === 200 ? recordOf(call.json) : undefined
  if (number === undefined || textIn(number, 'id') === undefined) {
    const failure = failureOf(call, io, false)
    if (failure.kind !== 'refused')
      throw new Failure('provider_unreachable', { reason: failure.error.detail })
    return {
      status: lockedOut.has(failure.error.code) ? 'blocked' : 'disconnected',
      health: { lastError: { code: failure.error.code, title: failure.error.title } },
      reason: failure.error.detail,
    }
  }
  const told = textIn(number, 'status')
  // Older Graph versions leave `status` out of the answer; a number that answers for itself is there.
  const status = told === undefined ? 'connected' : (states.get(told) ?? 'disconnected')
  return {
    status,
    health: present({
      displayPhoneNumber: textIn(number, 'display_phone_number'),
      verifiedName: textIn(number, 'verified_name'),
      qualityRating: textIn(number, 'quality_rating'),
      messagingLimit: textIn(number, 'whatsapp_business_manager_messaging_limit'),
      throughput: textIn(inner(number, 'throughput'), 'level'),
      codeVerification: textIn(number, 'code_verification_status'),
      nameStatus: textIn(number, 'name_status'),
      platformType: textIn(number, 'platform_type'),
      networkStatus: told,
    }),
    ...(status !== 'connected' && told !== undefined && { reason: `the network says ${told}` }),
  }
}
