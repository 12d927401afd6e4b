import { addressPatterns, namePatterns } from '../messages/search-terms.ts'
import { hasWords } from '../records/common-filters.ts'
import type { TextSearch } from '../records/matching-text.ts'

/** Contacts by words of a name or e-mail address, or by part of any other address, however it is written; and by both together. */
export const contactText: TextSearch = {
  numbers: 'elsewhere',
  waysOf: (q) => {
    const addresses = addressPatterns(q)
    return {
      find: ({ most, below = null, deletedToo }, bind) =>
        `select record_id from match_contacts(${bind(namePatterns(q))}::text[], ${bind(addresses)}::text[],
           ${deletedToo}, ${bind(below)}::integer, ${most})`,
      walk: (bind) => {
        const byName = hasWords('r.search_text', q, bind)
        const isOne = addresses.map((pattern) => `i.value like ${bind(pattern)}`)
        return isOne.length === 0
          ? byName
          : `${byName} or (select true from contact_identities i
              where i.tenant_id = r.tenant_id and i.contact_id = r.id and (${isOne.join(' or ')}) limit 1)`
      },
    }
  },
}
