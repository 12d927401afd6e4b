import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { permit } from '../../auth/can.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import type { ListedMergeView } from '../../contract/rest/contacts.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import type { Config } from '../../platform/config.ts'
import type { Query } from '../records/record-kind.ts'
import { type MergeRow, presentMerge } from './merge-ledger.ts'

const cursorShape = z.tuple([z.uuid()])

interface ListedMerge extends Omit<MergeRow, 'moved'> {
  actor: ListedMergeView['by']
  contact_name: string
  other_name: string
  undoable_until: string | null
  waits_for: string | null
}

interface Asked {
  readonly limit: number
  readonly cursor?: string | undefined
  /** Merges that this contact had a part in, on either side. */
  readonly contactId?: number | undefined
}

const nameOf = (contact: string): string =>
  `trim(${contact}.first_name || ' ' || coalesce(${contact}.last_name, ''))`

/**
 * Merges of contacts by people of ours, the newest first: those whose contact that went on is for the actor's eyes, and of those
 * that were taken back the other one as well, who is somebody of their own again. A merge can be
 * taken back while the contact that went into the other one is kept, and not before a later merge in which that other one went
 * on as a third. Fails with `forbidden`.
 */
export async function listMerges(
  query: Query,
  actor: Actor,
  { DELETED_KEEP_DAYS: keepDays }: Pick<Config, 'DELETED_KEEP_DAYS'>,
  { limit, cursor, contactId }: Asked,
): Promise<Page<ListedMergeView>> {
  permit(actor, 'record.read')
  const list = `merges ${contactId ?? ''}`
  const [below] = cursor === undefined ? [null] : decodeCursor(list, cursor, cursorShape)
  const values: unknown[] = [actor.tenantId, below, contactId ?? null, keepDays, limit + 1]
  const bind = (value: unknown) => `$${values.push(value)}`
  const [visible, other] = [contactVisibility(actor, 'c', bind), contactVisibility(actor, 'o', bind)]
  const rows = await query<ListedMerge>(
    `select m.id, m.contact_id, m.other_id, m.merged_at, m.undone_at, m.actor,
       ${nameOf('c')} as contact_name, ${nameOf('o')} as other_name, later.id as waits_for,
       case when m.undone_at is null and (c.deleted_at is null or later.id is not null)
         then o.deleted_at + make_interval(days => $4) end as undoable_until
     from contact_merges m
       join contacts c on c.tenant_id = m.tenant_id and c.id = m.contact_id
       join contacts o on o.tenant_id = m.tenant_id and o.id = m.other_id
       left join lateral (
         select l.id from contact_merges l
         where l.tenant_id = m.tenant_id and l.other_id = m.contact_id and l.undone_at is null and m.undone_at is null
         order by l.merged_at desc limit 1) later on true
     where m.tenant_id = $1 and ($2::uuid is null or m.id < $2) and ($3::integer is null or m.contact_id = $3 or m.other_id = $3)
       and ${visible} and (m.undone_at is null or ${other})
     order by m.id desc limit $5`,
    values,
  )
  const present = (row: ListedMerge): ListedMergeView => ({
    ...presentMerge(row),
    by: row.actor,
    contactName: row.contact_name,
    otherName: row.other_name,
    undoableUntil: row.undoable_until,
    waitsFor: row.waits_for,
  })
  return pageOf(rows, limit, present, (row) => encodeCursor(list, [row.id]))
}
