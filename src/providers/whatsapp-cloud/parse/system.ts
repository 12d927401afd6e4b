import type { Identity, InboundIdentityChange, Person } from '../../inbound.ts'
import { digitsOf, flagIn, inner, instantOf, present, textIn, type Untrusted } from '../../untrusted.ts'
import { type Part, type Reading, requiredId, Unreadable } from './part.ts'
import { identitiesOf } from './people.ts'

/**
 * A `system` message (reference 4.5): shown as a line, opens no window. In `join` the older identities come first. Whether
 * somebody who already has the new number is merged is a rule of the domain, not of this reader.
 */
export function readSystem(reading: Reading, part: Part, message: Untrusted, person: Person): void {
  const system = inner(message, 'system')
  const event = textIn(system, 'type')
  if (system === undefined || event === undefined) throw new Unreadable('a system message without its kind')
  const base = {
    kind: 'identity' as const,
    at: instantOf(message.timestamp) ?? part.at,
    providerMessageId: requiredId(message),
    person,
    text: textIn(system, 'body') ?? null,
    opensWindow: false,
  }
  switch (event) {
    case 'user_changed_number':
    case 'customer_changed_number': {
      // `wa_id` is the new number; very old payloads have it in `new_wa_id`.
      const newNumber = digitsOf(system.wa_id) ?? digitsOf(system.new_wa_id)
      if (newNumber === undefined) throw new Unreadable('a changed number without the new number')
      const old = numbersOf(person)
      reading.items.push({
        ...base,
        join: [...keysOf(person), ...identitiesOf({ wa_id: newNumber, phone: newNumber })],
        leave: old.filter((identity) => identity.value !== newNumber),
        payload: { event: 'user_changed_number', newNumber },
      })
      return
    }
    case 'user_changed_user_id':
      reading.items.push({ ...base, ...changedUserId(system, person) })
      return
    case 'customer_identity_changed':
      reading.items.push({ ...base, join: [], leave: [], payload: identityPayload(message) })
      return
  }
  reading.items.push({
    kind: 'message',
    at: base.at,
    providerMessageId: base.providerMessageId,
    direction: 'in',
    origin: 'live',
    chat: person,
    type: 'system',
    text: base.text,
    payload: { event },
    opensWindow: false,
  })
}

/** A user opened the chat for the first time: opens the service window, but there is nothing to show. */
export function readRequestWelcome(reading: Reading, part: Part, message: Untrusted, person: Person): void {
  reading.items.push({
    kind: 'identity',
    at: instantOf(message.timestamp) ?? part.at,
    providerMessageId: requiredId(message),
    person,
    join: [],
    leave: [],
    text: null,
    payload: { event: 'request_welcome' },
    opensWindow: true,
  })
}

function changedUserId(
  system: Untrusted,
  person: Person,
): Pick<InboundIdentityChange, 'join' | 'leave' | 'payload'> {
  const userId = textIn(system, 'user_id')
  const parentUserId = textIn(system, 'parent_user_id')
  if (userId === undefined && parentUserId === undefined) {
    throw new Unreadable('a changed user id without the new id')
  }
  const number = digitsOf(system.wa_id)
  const now = identitiesOf({ bsuid: userId, wa_id: number, phone: number, parent_bsuid: parentUserId })
  return {
    join: [...keysOf(person), ...now],
    leave: person.identities.filter(
      (identity) =>
        (identity.kind === 'bsuid' && userId !== undefined && identity.value !== userId) ||
        (identity.kind === 'parent_bsuid' && parentUserId !== undefined && identity.value !== parentUserId),
    ),
    payload: { event: 'user_changed_user_id', ...present({ userId, parentUserId }) },
  }
}

function identityPayload(message: Untrusted): Record<string, unknown> {
  const identity = inner(message, 'identity')
  return {
    event: 'identity_changed',
    ...present({
      acknowledged: flagIn(identity, 'acknowledged'),
      hash: textIn(identity, 'hash'),
      changedAt: instantOf(identity?.created_timestamp)?.toISOString(),
    }),
  }
}

/** A username is shown and never a key: it can be taken over by somebody else. */
function keysOf(person: Person): Identity[] {
  return person.identities.filter(({ kind }) => kind !== 'username')
}

function numbersOf(person: Person): Identity[] {
  return person.identities.filter(({ kind }) => kind === 'wa_id' || kind === 'phone')
}
