import { readJid } from './jid.ts'
import { clean, field, inner, listOf, textIn, numberIn, present } from '../../untrusted.ts'
import type { ContentReader, Around } from './content-shape.ts'
import { isRecord } from './dialect.ts'

export const readPoll: ContentReader = (part) => ({
  type: 'interactive',
  text: textIn(part, 'name') ?? null,
  payload: present({
    kind: 'poll',
    options: listOf(field(part, 'options'))
      .slice(0, 100)
      .map((option) => (isRecord(option) ? textIn(option, 'optionName') : undefined))
      .filter((name) => name !== undefined),
    selectableCount: numberIn(part, 'selectableOptionsCount'),
  }),
})

/**
 * A vote. 2.3.7 decrypts it into option names; other versions only count voters beside the message. An empty choice
 * takes the vote back. Null when the server could not decrypt it.
 */
export const readVote: ContentReader = (part, around) => {
  const selected = decrypted(field(inner(part, 'vote'), 'selectedOptions')) ?? counted(around)
  if (selected === undefined) return null
  const answers = textIn(inner(part, 'pollCreationMessageKey'), 'id')
  return {
    type: 'list_reply',
    text: selected.length > 0 ? selected.join(', ') : null,
    payload: { kind: 'poll_vote', selected },
    ...(answers === undefined ? {} : { answers }),
  }
}

function decrypted(options: unknown): string[] | undefined {
  if (!Array.isArray(options)) return undefined
  const names = options.filter((option) => typeof option === 'string')
  // Hashes instead of names mean that it was not decrypted.
  return names.length === options.length ? names.map(clean) : undefined
}

function counted(around: Around): string[] | undefined {
  const updates = field(around.data, 'pollUpdates')
  if (!Array.isArray(updates)) return undefined
  const key = inner(around.data, 'key')
  const voters = new Set(
    ['participant', 'participantAlt', 'remoteJid', 'remoteJidAlt']
      .map((name) => userOf(field(key, name)))
      .filter((u) => u !== undefined),
  )
  const chosen = updates
    .filter(isRecord)
    .filter((option) => listOf(field(option, 'voters')).some((v) => voters.has(userOf(v) ?? '')))
  return chosen.map((option) => textIn(option, 'name')).filter((name) => name !== undefined)
}

function userOf(value: unknown): string | undefined {
  const jid = readJid(value)
  return jid?.kind === 'pn' || jid?.kind === 'lid' ? jid.user : undefined
}
