import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { checkLinks } from '../records/check-links.ts'
import type { Change } from '../records/record-kind.ts'
import { requireActiveUsers } from './add-note.ts'
import type { NoteRow } from './note-row.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * A note has its author from the beginning and stays where it was written. Fails with `validation_failed` when what it is
 * about is not there, when it is to be moved, or when somebody is mentioned who is no active user.
 */
export async function prepareNote(tx: TenantTx, { before, values, by }: Change<NoteRow>): Promise<Values> {
  const mentions = (values.mentions ?? []) as string[]
  if (mentions.some((id) => !before?.mentions.includes(id))) await requireActiveUsers(tx, mentions)
  if (before !== null) {
    refuseMove(before, values)
    return values
  }
  await checkLinks(tx, by.actor, null, values)
  const { actor } = by
  return {
    ...values,
    authorId: actor.kind === 'system' ? 'system' : actor.id,
    authorName: actor.name,
  }
}

function refuseMove(before: NoteRow, values: Values): void {
  const place: Values = {
    customerId: before.customer_id,
    contactId: before.contact_id,
    dealId: before.deal_id,
    conversationId: before.conversation_id,
  }
  const faults = Object.entries(place)
    .filter(([member, held]) => values[member] !== undefined && values[member] !== held)
    .map(
      ([member]) =>
        ({ in: 'body', pointer: `/${member}`, message: 'a note stays where it was written' }) as const,
    )
  if (faults.length > 0) throw invalid(faults)
}
