import { digitsOf, inner, instantOf, textIn, type Untrusted } from '../../untrusted.ts'
import { type Part, type Reading, Unreadable } from './part.ts'
import { identitiesOf, personOf } from './people.ts'

/** Field `user_id_update`: a business-scoped id was replaced. Re-keys the person without a line in the conversation. */
export function readUserIdUpdate(reading: Reading, part: Part, update: Untrusted): void {
  const userId = inner(update, 'user_id')
  const parent = inner(update, 'parent_user_id')
  const previous = { bsuid: textIn(userId, 'previous'), parent_bsuid: textIn(parent, 'previous') }
  const current = { bsuid: textIn(userId, 'current'), parent_bsuid: textIn(parent, 'current') }
  if (current.bsuid === undefined && current.parent_bsuid === undefined) {
    throw new Unreadable('a user id update without the current id')
  }
  const number = digitsOf(update.wa_id)
  const person = personOf(part, {
    number,
    userId: previous.bsuid ?? current.bsuid,
    parentUserId: previous.parent_bsuid ?? current.parent_bsuid,
  })
  if (person === undefined) throw new Unreadable('a user id update without a person')
  const gone = identitiesOf(previous)
  const kept = identitiesOf({ ...current, wa_id: number, phone: number })
  const same = (one: { kind: string; value: string }) => (other: typeof one) =>
    one.kind === other.kind && one.value === other.value
  reading.items.push({
    kind: 'identity',
    at: instantOf(update.timestamp) ?? part.at,
    person,
    join: [...gone, ...kept.filter((identity) => !gone.some(same(identity)))],
    leave: gone.filter((identity) => !kept.some(same(identity))),
    text: null,
    payload: { event: 'user_id_update' },
    opensWindow: false,
  })
}
