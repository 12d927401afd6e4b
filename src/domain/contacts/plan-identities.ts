import type { IdentityView } from '../../contract/conversation.ts'

interface Known {
  readonly phone: string | null
  readonly identities: readonly IdentityView[]
}

/** What somebody writes of them; left out stays as it is. */
interface Wanted {
  readonly phone?: string | null
  readonly identities?: readonly IdentityView[]
}

const isNumber = ({ kind }: IdentityView): boolean => kind === 'phone' || kind === 'wa_id'
const spelled = ({ kind, value }: IdentityView): string => `${kind} ${value}`
const has = (list: readonly IdentityView[], phone: string | null): boolean =>
  phone !== null && list.some((identity) => isNumber(identity) && `+${identity.value}` === phone)

/**
 * The number in a contact's record and its addresses as they go together: the number is one of the addresses, or none. A
 * number that is written becomes an address; the one that it takes the place of goes, unless it `isUsed`, because people
 * wrote from there; addresses that go take the number with them. Pure; addresses by kind and value.
 */
export function planIdentities(before: Known | null, wanted: Wanted, isUsed: boolean): Known {
  const known = before ?? { phone: null, identities: [] }
  let list = [...(wanted.identities ?? known.identities)]
  const { phone = known.phone } = wanted
  const isOther = phone !== known.phone
  if (isOther && known.phone !== null && wanted.identities === undefined && !isUsed)
    list = list.filter((identity) => !(identity.kind === 'phone' && `+${identity.value}` === known.phone))
  if (isOther && phone !== null && !has(list, phone)) list.push({ kind: 'phone', value: phone.slice(1) })
  const unique = [...new Map(list.map((identity) => [spelled(identity), identity])).values()]
  const identities = unique.sort((one, other) => (spelled(one) < spelled(other) ? -1 : 1))
  const isLost = phone === null ? wanted.identities !== undefined : !has(identities, phone)
  const next = identities.find(isNumber)
  return { identities, phone: isLost ? (next ? `+${next.value}` : null) : phone }
}
