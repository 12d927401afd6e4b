import { digitsOf, inner, instantOf, textIn, type Untrusted } from '../../untrusted.ts'
import { type Part, type Reading, Unreadable } from './part.ts'
import { identitiesOf } from './people.ts'

/** Field `smb_app_state_sync`: the address book of the WhatsApp Business app. `add` is also sent for an edit. */
export function readStateSync(reading: Reading, part: Part, sync: Untrusted): void {
  const kind = textIn(sync, 'type')
  if (kind !== 'contact') {
    reading.ignored.push(`state_sync of type "${kind ?? 'missing'}" is not used`)
    return
  }
  const contact = inner(sync, 'contact')
  const phone = digitsOf(contact?.phone_number)
  if (phone === undefined) throw new Unreadable('a contact of the address book without a number')
  const action = textIn(sync, 'action')
  if (action !== 'add' && action !== 'remove')
    throw new Unreadable('an address book change that is neither add nor remove')
  const name = textIn(contact, 'full_name')?.trim() || textIn(contact, 'first_name')?.trim()
  reading.items.push({
    kind: 'contact',
    at: instantOf(inner(sync, 'metadata')?.timestamp) ?? part.at,
    person: { identities: identitiesOf({ phone }), ...(name && { name }) },
    ...(action === 'remove' && { removed: true }),
  })
}
