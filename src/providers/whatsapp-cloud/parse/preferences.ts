import { instantOf, textIn, type Untrusted } from '../../untrusted.ts'
import { type Part, type Reading, Unreadable } from './part.ts'
import { personOf } from './people.ts'

const answers: ReadonlyMap<string, boolean> = new Map([
  ['stop', false],
  ['resume', true],
  ['signup', true],
])

/** Field `user_preferences`: a user switched marketing messages of this business off or on. */
export function readPreference(reading: Reading, part: Part, preference: Untrusted): void {
  const category = textIn(preference, 'category')
  if (category !== 'marketing_messages') {
    reading.ignored.push(`user preference "${category ?? 'missing'}" is not used`)
    return
  }
  const granted = answers.get(textIn(preference, 'value') ?? '')
  if (granted === undefined)
    throw new Unreadable('a marketing preference that is neither stop, resume nor signup')
  const person = personOf(part, {
    number: preference.wa_id,
    userId: preference.user_id,
    parentUserId: preference.parent_user_id,
  })
  if (person === undefined) throw new Unreadable('a marketing preference without a person')
  reading.items.push({
    kind: 'consent',
    at: instantOf(preference.timestamp) ?? part.at,
    person,
    category: 'marketing',
    granted,
    detail: textIn(preference, 'detail') ?? null,
  })
}
