import type { ChannelPatch, NewChannel } from '../../contract/rest/channels.ts'
import type { ProviderName } from '../../providers/port.ts'
import type { ChannelSecrets } from './secrets.ts'

/** What everybody may see of a channel's setup, and what nobody may. */
export interface ChannelParts {
  readonly settings: Record<string, string>
  readonly secrets: ChannelSecrets
}

/** Where each member of a request belongs; a member that is not named here is not of that network. */
const members = {
  'whatsapp-cloud': {
    settings: ['phoneNumberId', 'wabaId', 'displayPhoneNumber'],
    secrets: ['accessToken', 'appSecret', 'verifyToken'],
  },
  evolution: { settings: ['instanceName', 'baseUrl'], secrets: ['apiKey', 'webhookSecret'] },
  fake: { settings: [], secrets: [] },
} as const satisfies Record<ProviderName, { settings: readonly string[]; secrets: readonly string[] }>

export function partsOf(input: NewChannel): ChannelParts {
  return changedParts(input.provider, { settings: {}, secrets: {} }, input)
}

/** The parts after a change: what is not mentioned stays, null goes. */
export function changedParts(
  provider: ProviderName,
  parts: ChannelParts,
  change: Partial<ChannelPatch>,
): ChannelParts {
  return {
    settings: merged(parts.settings, members[provider].settings, change),
    secrets: merged(parts.secrets, members[provider].secrets, change),
  }
}

/** Members of a change that belong to another network. */
export function foreignMembers(provider: ProviderName, change: ChannelPatch): string[] {
  const own: readonly string[] = ['name', ...members[provider].settings, ...members[provider].secrets]
  return Object.keys(change).filter((member) => !own.includes(member))
}

/** What the network calls the number, and the account that it belongs to there. */
export function externalIdOf(input: NewChannel): { externalId: string; accountId: string | null } {
  return input.provider === 'whatsapp-cloud'
    ? { externalId: input.phoneNumberId, accountId: input.wabaId }
    : { externalId: input.instanceName, accountId: null }
}

function merged(
  before: Readonly<Record<string, string>>,
  names: readonly string[],
  change: object,
): Record<string, string> {
  const values = change as Record<string, string | null | undefined>
  const after: Record<string, string> = {}
  for (const name of names) {
    const value = values[name] === undefined ? before[name] : values[name]
    if (typeof value === 'string') after[name] = value
  }
  return after
}
