import type { Identity } from '../../inbound.ts'

/**
 * How Meta addresses a recipient, undefined when none of the identities can be. A number goes with "+": without it the
 * business number's own country code may be put in front. `to` wins over `recipient` when both are given, so only one is.
 */
export function recipientFields(to: readonly Identity[]): Record<string, string> | undefined {
  const find = (...kinds: Identity['kind'][]) => to.find(({ kind }) => kinds.includes(kind))?.value
  const group = find('group')
  if (group !== undefined) return { recipient_type: 'group', to: group }
  const number = find('phone', 'wa_id')
  if (number !== undefined) return { recipient_type: 'individual', to: `+${number.replace(/^\+/, '')}` }
  const userId = find('bsuid', 'parent_bsuid')
  return userId === undefined ? undefined : { recipient_type: 'individual', recipient: userId }
}
