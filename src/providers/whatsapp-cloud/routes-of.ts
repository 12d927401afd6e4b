import { field, inner, listOf, recordOf, textIn } from '../untrusted.ts'

/**
 * Whom a delivery concerns, without parsing it: the phone number ids of its parts, and for parts that name no number the
 * accounts. Never throws; what cannot be attributed is in neither list.
 */
export function routesOf(body: unknown): { phoneNumberIds: string[]; wabaIds: string[] } {
  const phoneNumberIds = new Set<string>()
  const wabaIds = new Set<string>()
  for (const entry of listOf(field(recordOf(body), 'entry')).map(recordOf)) {
    for (const change of listOf(field(entry, 'changes')).map(recordOf)) {
      const value = inner(change, 'value')
      const phoneNumberId = textIn(inner(value, 'metadata'), 'phone_number_id')
      const wabaId = textIn(inner(value, 'waba_info'), 'waba_id') ?? textIn(entry, 'id')
      if (phoneNumberId !== undefined) phoneNumberIds.add(phoneNumberId)
      else if (wabaId !== undefined) wabaIds.add(wabaId)
    }
  }
  return { phoneNumberIds: [...phoneNumberIds], wabaIds: [...wabaIds] }
}
