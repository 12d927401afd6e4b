import type { ChannelStatus, InboundChannelUpdate } from '../../inbound.ts'
import {
  field,
  inner,
  instantOf,
  listOf,
  present,
  recordOf,
  storable,
  storableRecord,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'
import { type Part, type Reading, Unreadable } from './part.ts'

type Said = Pick<InboundChannelUpdate, 'health' | 'status' | 'reason' | 'answersOnly' | 'until'>

const readers = new Map<string, (value: Untrusted) => Said>([
  ['account_update', accountUpdate],
  ['account_review_update', (value) => ({ health: { accountReview: required(value, 'decision') } })],
  ['account_alerts', accountAlert],
  ['business_capability_update', capability],
  ['phone_number_quality_update', quality],
  ['phone_number_name_update', nameDecision],
  ['security', security],
  [
    'business_username_updates',
    (value) => ({
      health: present({ username: textIn(value, 'username'), usernameStatus: required(value, 'status') }),
    }),
  ],
])

/** The fields about the number and its account (reference 7). */
export const accountFields: ReadonlySet<string> = new Set(readers.keys())

export function readAccountUpdate(reading: Reading, part: Part, fieldName: string, value: Untrusted): void {
  const read = readers.get(fieldName)
  if (read === undefined) throw new Unreadable(`${fieldName} is not about the account`)
  reading.items.push({ kind: 'channel', at: part.at, what: fieldName, ...read(value) })
}

/** Problems that Meta ties to no message (130429, for example): shown, no change of the channel's state. */
export function readValueErrors(reading: Reading, part: Part): void {
  const [first] = part.errors
  if (first === undefined) return
  reading.items.push({
    kind: 'channel',
    at: part.at,
    what: 'errors',
    health: { lastError: { ...first, at: part.at.toISOString() } },
    reason: first.detail,
  })
}

function accountUpdate(value: Untrusted): Said {
  const event = required(value, 'event')
  const ban = inner(value, 'ban_info')
  const banState = textIn(ban, 'waba_ban_state')
  const violation = textIn(inner(value, 'violation_info'), 'violation_type')
  const disconnection = inner(value, 'disconnection_info')
  const restrictions = listOf(field(value, 'restriction_info')).map((item) => storableRecord(item))
  const status = statusOf(event, banState, restrictions)
  const reason = [event, banState, violation, textIn(disconnection, 'reason')].filter(Boolean).join(': ')
  return {
    health: {
      accountEvent: event,
      ...present({
        banState,
        banDate: textIn(ban, 'waba_ban_date'),
        violation,
        restrictions: event === 'ACCOUNT_RESTRICTION' ? restrictions : undefined,
        disconnection: disconnection === undefined ? undefined : storable(disconnection),
      }),
    },
    ...(status !== undefined && { status }),
    ...(status === 'restricted' && {
      answersOnly: leavesAnswers(restrictions),
      ...present({ until: endOf(restrictions) }),
    }),
    reason,
  }
}

/** Not being allowed to add numbers hinders no message; not being allowed to begin conversations hinders no answer. */
const restriction = {
  addNumbers: 'RESTRICTED_ADD_PHONE_NUMBER_ACTION',
  begin: 'RESTRICTED_BIZ_INITIATED_MESSAGING',
}

/** A list that says nothing we know is taken for the worst. */
function leavesAnswers(restrictions: readonly Record<string, unknown>[]): boolean {
  return (
    restrictions.length > 0 &&
    restrictions.every(
      ({ restriction_type: type }) => type === restriction.addNumbers || type === restriction.begin,
    )
  )
}

/** When the last of them ends; undefined when one does not say. */
function endOf(restrictions: readonly Record<string, unknown>[]): Date | undefined {
  const ends = restrictions
    .filter((item) => item.restriction_type !== restriction.addNumbers)
    .map((item) => instantOf(item.expiration)?.getTime())
  const last = Math.max(...ends.map((end) => end ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(last) ? new Date(last) : undefined
}

function statusOf(
  event: string,
  banState: string | undefined,
  restrictions: readonly Record<string, unknown>[],
): ChannelStatus | undefined {
  switch (event) {
    case 'ACCOUNT_DELETED':
    case 'ACCOUNT_OFFBOARDED':
    case 'PARTNER_REMOVED':
      return 'removed'
    case 'ACCOUNT_RECONNECTED':
      return 'connected'
    case 'ACCOUNT_RESTRICTION': {
      const harmless = (item: Record<string, unknown>) => item.restriction_type === restriction.addNumbers
      return restrictions.length > 0 && restrictions.every(harmless) ? undefined : 'restricted'
    }
    case 'DISABLED_UPDATE':
      if (banState === 'DISABLE') return 'blocked'
      return banState === 'REINSTATE' ? 'connected' : undefined
    default:
      return undefined
  }
}

/** An older form has the four fields at the top level instead of under `alert_info`. */
function accountAlert(value: Untrusted): Said {
  const info = recordOf(field(value, 'alert_info')) ?? value
  const description = textIn(info, 'alert_description')
  return {
    health: {
      alert: present({
        type: required(info, 'alert_type'),
        severity: textIn(info, 'alert_severity'),
        status: textIn(info, 'alert_status'),
        description,
        entityType: textIn(value, 'entity_type'),
        entityId: textIn(value, 'entity_id'),
      }),
    },
    ...(description !== undefined && { reason: description }),
  }
}

/** The limit is a number or `TIER_…`; kept as text. */
function capability(value: Untrusted): Said {
  return {
    health: present({
      messagingLimit:
        textIn(value, 'max_daily_conversations_per_business') ??
        textIn(value, 'max_daily_conversation_per_phone'),
      maxPhoneNumbersPerBusiness: textIn(value, 'max_phone_numbers_per_business'),
      maxPhoneNumbersPerAccount: textIn(value, 'max_phone_numbers_per_waba'),
    }),
  }
}

function quality(value: Untrusted): Said {
  const event = required(value, 'event')
  const flagged = event === 'FLAGGED' ? true : event === 'UNFLAGGED' ? false : undefined
  return {
    health: {
      qualityEvent: event,
      ...present({
        flagged,
        messagingLimit:
          textIn(value, 'max_daily_conversations_per_business') ?? textIn(value, 'current_limit'),
        previousMessagingLimit: textIn(value, 'old_limit'),
      }),
    },
  }
}

function nameDecision(value: Untrusted): Said {
  const decision = required(value, 'decision')
  const name = textIn(value, 'requested_verified_name')
  const rejection = textIn(value, 'rejection_reason')
  return {
    health: {
      nameStatus: decision,
      ...present({
        requestedName: name,
        verifiedName: decision === 'APPROVED' ? name : undefined,
        nameRejection: rejection === 'NONE' ? undefined : rejection,
      }),
    },
  }
}

function security(value: Untrusted): Said {
  const event = required(value, 'event')
  return {
    health: { security: { event, ...present({ requester: textIn(value, 'requester') }) } },
    reason: event,
  }
}

function required(value: Untrusted, name: string): string {
  const text = textIn(value, name)
  if (text === undefined) throw new Unreadable(`an account update without ${name}`)
  return text
}
