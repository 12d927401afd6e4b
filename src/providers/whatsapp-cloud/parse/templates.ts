import type { InboundTemplateUpdate } from '../../inbound.ts'
import { field, inner, instantOf, present, storableRecord, textIn, type Untrusted } from '../../untrusted.ts'
import { type Part, type Reading, Unreadable } from './part.ts'

/** Events that are no state a template can be read in: what they mean for the state, undefined when nothing follows. */
const statesOfEvents: ReadonlyMap<string, string | undefined> = new Map([
  ['REINSTATED', 'APPROVED'],
  ['FLAGGED', undefined],
  ['UNARCHIVED', undefined],
])

/**
 * The fields about templates. Which one it is follows from the payload as much as from the field's name: Meta's own example
 * of a quality change stands under the name of the status change.
 */
export function readTemplateUpdate(reading: Reading, part: Part, fieldName: string, value: Untrusted): void {
  const providerTemplateId = textIn(value, 'message_template_id')
  if (providerTemplateId === undefined) throw new Unreadable('a template update without the template')
  const quality = textIn(value, 'new_quality_score')
  const base = {
    kind: 'template' as const,
    at: part.at,
    providerTemplateId,
    ...present({
      name: textIn(value, 'message_template_name'),
      language: languageOf(textIn(value, 'message_template_language')),
    }),
  }
  if (quality !== undefined) {
    const previousQuality = textIn(value, 'previous_quality_score')
    reading.items.push({ ...base, quality, detail: present({ previousQuality }) })
  } else if (fieldName === 'template_category_update') {
    reading.items.push({ ...base, ...categoryChange(value) })
  } else if (fieldName === 'message_template_components_update') {
    reading.items.push({ ...base, stale: true, detail: {} })
  } else {
    reading.items.push({ ...base, ...statusChange(value) })
  }
}

function statusChange(value: Untrusted): Pick<InboundTemplateUpdate, 'detail' | 'status' | 'stale'> {
  const event = textIn(value, 'event')
  if (event === undefined) throw new Unreadable('a template update without an event')
  const reason = textIn(value, 'reason')
  const status = statesOfEvents.has(event) ? statesOfEvents.get(event) : event
  return {
    ...present({
      status,
      // The state after being taken out of the archive is not said: it must be read.
      stale: event === 'UNARCHIVED' ? true : undefined,
      reason: reason === 'NONE' ? undefined : reason,
      category: textIn(value, 'message_template_category'),
    }),
    detail: {
      event,
      ...present({
        disable: recordIn(value, 'disable_info'),
        other: recordIn(value, 'other_info'),
        rejection: recordIn(value, 'rejection_info'),
      }),
    },
  }
}

/** With `correct_category` it warns of a change to come, with `previous_category` it is done. */
function categoryChange(value: Untrusted): Pick<InboundTemplateUpdate, 'detail' | 'category'> {
  const category = textIn(value, 'new_category')
  if (category === undefined) throw new Unreadable('a category update without the category')
  return {
    category,
    detail: present({
      previousCategory: textIn(value, 'previous_category'),
      comingCategory: textIn(value, 'correct_category'),
      changesAt: instantOf(field(value, 'category_update_timestamp'))?.toISOString(),
    }),
  }
}

/** `en-US` in some of Meta's examples, `en_US` in most payloads and in every request. */
export function languageOf(code: string | undefined): string | undefined {
  return code?.replaceAll('-', '_')
}

function recordIn(value: Untrusted, name: string): Record<string, unknown> | undefined {
  const found = inner(value, name)
  return found === undefined ? undefined : storableRecord(found)
}
