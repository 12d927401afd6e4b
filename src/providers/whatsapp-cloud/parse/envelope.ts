import type { Parsed } from '../../inbound.ts'
import type { ProviderChannel } from '../../port.ts'
import {
  digitsOf,
  field,
  inner,
  instantOf,
  listOf,
  recordOf,
  storable,
  textIn,
  type Untrusted,
} from '../../untrusted.ts'
import { errorList } from '../error-object.ts'
import { accountFields, readAccountUpdate, readValueErrors } from './account.ts'
import { readCall } from './calls.ts'
import { readEcho } from './echoes.ts'
import { readHistory, readHistoryFollowUp } from './history.ts'
import { readLiveMessage } from './messages.ts'
import { eachOf, type Part, type Reading, Unreadable } from './part.ts'
import { profilesOf } from './people.ts'
import { readPreference } from './preferences.ts'
import { readStateSync } from './state-sync.ts'
import { readStatus } from './statuses.ts'
import { readTemplateUpdate } from './templates.ts'
import { readUserIdUpdate } from './user-id-update.ts'

const templateFields: ReadonlySet<string> = new Set([
  'message_template_status_update',
  'message_template_quality_update',
  'message_template_components_update',
  'template_category_update',
])

/** Fields whose parts belong to a number; without its id nobody can say to which. */
const numberFields: ReadonlySet<string> = new Set([
  'messages',
  'smb_message_echoes',
  'history',
  'smb_app_state_sync',
  'user_preferences',
  'user_id_update',
  'calls',
])

/** Fields that exist and that we have no use for. */
const unusedFields: ReadonlySet<string> = new Set([
  'group_lifecycle_update',
  'group_participants_update',
  'group_settings_update',
  'group_status_update',
  'payment_configuration_update',
  'partner_solutions',
  'flows',
  'automatic_events',
  'tracking_events',
])

/**
 * One delivery of Meta: all entries, changes and lists in them, as far as they are this channel's (reference 3). A part is
 * ours when its `metadata.phone_number_id` is; one without metadata when it is about our account and, if it names a number,
 * about ours. Parts of others leave no trace here, not even as poison: one body can hold several tenants.
 */
export function parseDelivery(
  channel: Pick<ProviderChannel, 'settings'>,
  body: unknown,
  receivedAt: Date,
): Parsed {
  const reading: Reading = { items: [], poison: [], ignored: [] }
  const delivery = recordOf(body)
  if (delivery === undefined) {
    reading.poison.push({ reason: 'the body is not an object', raw: storable(body) })
    return reading
  }
  const product = textIn(delivery, 'object')
  if (product !== 'whatsapp_business_account') {
    reading.ignored.push(`object "${product ?? 'missing'}" is not WhatsApp`)
    return reading
  }
  for (const entry of listOf(field(delivery, 'entry')).map(recordOf)) {
    for (const change of listOf(field(entry, 'changes')).map(recordOf)) {
      if (entry !== undefined && change !== undefined) readChange(reading, channel, entry, change, receivedAt)
    }
  }
  return reading
}

function readChange(
  reading: Reading,
  channel: Pick<ProviderChannel, 'settings'>,
  entry: Untrusted,
  change: Untrusted,
  receivedAt: Date,
): void {
  const name = (textIn(change, 'field') ?? 'missing').slice(0, 100)
  const value = inner(change, 'value')
  if (value === undefined) {
    if (isOurAccount(channel, entry, undefined)) {
      reading.poison.push({ reason: `field ${name} has no value`, raw: storable(change) })
    }
    return
  }
  const metadata = inner(value, 'metadata')
  const phoneNumberId = textIn(metadata, 'phone_number_id')
  const part: Part = {
    ourNumber: digitsOf(metadata?.display_phone_number) ?? digitsOf(channel.settings.displayPhoneNumber),
    profiles: profilesOf(field(value, 'contacts')),
    at: instantOf(entry.time) ?? receivedAt,
    errors: errorList(field(value, 'errors')),
  }
  if (phoneNumberId !== undefined) {
    if (phoneNumberId === channel.settings.phoneNumberId) readNumberField(reading, part, name, value)
    return
  }
  if (!isOurAccount(channel, entry, value)) return
  if (numberFields.has(name)) {
    reading.poison.push({ reason: `field ${name} does not say of which number`, raw: { field: name } })
    return
  }
  const named = digitsOf(value.display_phone_number) ?? digitsOf(value.phone_number)
  if (named !== undefined && named !== digitsOf(channel.settings.displayPhoneNumber)) return
  readAccountField(reading, part, name, value)
}

/** For partner events `entry.id` can be a business id; the account then stands in `waba_info`. */
function isOurAccount(
  channel: Pick<ProviderChannel, 'settings'>,
  entry: Untrusted,
  value: Untrusted | undefined,
): boolean {
  const account = textIn(inner(value, 'waba_info'), 'waba_id') ?? textIn(entry, 'id')
  return account !== undefined && account === channel.settings.wabaId
}

/** Fields whose value names the number. Both `messages` and `statuses` may stand in one value. */
function readNumberField(reading: Reading, part: Part, name: string, value: Untrusted): void {
  switch (name) {
    case 'messages':
      readMessagesField(reading, part, value)
      return
    case 'smb_message_echoes':
      eachOf(reading, value, 'message_echoes', (echo) => readEcho(reading, part, echo))
      return
    case 'history':
      eachOf(reading, value, 'history', (chunk) => readHistory(reading, part, chunk))
      eachOf(reading, value, 'messages', (message) => readHistoryFollowUp(reading, part, message))
      return
    case 'smb_app_state_sync':
      eachOf(reading, value, 'state_sync', (sync) => readStateSync(reading, part, sync))
      return
    case 'user_preferences':
      eachOf(reading, value, 'user_preferences', (preference) => readPreference(reading, part, preference))
      return
    case 'user_id_update':
      eachOf(reading, value, 'user_id_update', (update) => readUserIdUpdate(reading, part, update))
      return
    case 'calls':
      eachOf(reading, value, 'calls', (call) => readCall(reading, part, call))
      eachOf(reading, value, 'statuses', () => void reading.ignored.push('the status of a call is not used'))
      return
    default:
      readAccountField(reading, part, name, value)
  }
}

function readMessagesField(reading: Reading, part: Part, value: Untrusted): void {
  const before = reading.items.length
  eachOf(reading, value, 'messages', (message) => readLiveMessage(reading, part, message))
  const explained = reading.items
    .slice(before)
    .some((item) => item.kind === 'message' && item.payload.errors === part.errors)
  eachOf(reading, value, 'statuses', (status) => readStatus(reading, part, status))
  eachOf(reading, value, 'user_actions', (action) => {
    reading.ignored.push(`user action "${textIn(action, 'action_type') ?? 'missing'}" is not used`)
  })
  if (!explained) readValueErrors(reading, part)
}

/** Fields about the account. One value is one part: it is read or set aside as a whole. */
function readAccountField(reading: Reading, part: Part, name: string, value: Untrusted): void {
  if (!templateFields.has(name) && !accountFields.has(name)) {
    const known = unusedFields.has(name)
    reading.ignored.push(known ? `field "${name}" is not used` : `unknown field "${name}"`)
    return
  }
  try {
    if (templateFields.has(name)) readTemplateUpdate(reading, part, name, value)
    else readAccountUpdate(reading, part, name, value)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    reading.poison.push({
      reason: error instanceof Unreadable ? why : `unexpected: ${why}`,
      raw: storable(value),
    })
  }
}
