import type { IdentityView } from '../../contract/conversation.ts'
import type { ContactMergeView } from '../../contract/rest/contacts.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type MergedColumns, mergedColumns } from './merge-plan.ts'
import type { MovedRecords } from './move-records.ts'

/** A conversation that moved, as it was; `endedVersion` when the move ended it: its version since. */
export interface MovedConversation {
  readonly id: string
  readonly status: 'open' | 'pending' | 'snoozed' | 'resolved'
  readonly snoozedUntil: string | null
  readonly endedVersion: number | null
}

/** Everything that a merge moved, and what of the contact that goes on it changed. */
export interface Moved extends MovedRecords {
  readonly identities: readonly IdentityView[]
  readonly conversations: readonly MovedConversation[]
  /** Ids of the words about marketing that went along; merges that are older than their going have none. */
  readonly consents?: readonly string[]
  readonly before: Partial<MergedColumns>
  readonly after: Partial<MergedColumns>
}

export interface MergeRow {
  id: string
  contact_id: number
  other_id: number
  moved: Moved
  merged_at: string
  undone_at: string | null
}

export const presentMerge = (row: Omit<MergeRow, 'moved'>): ContactMergeView => ({
  id: row.id,
  contactId: row.contact_id,
  otherId: row.other_id,
  mergedAt: row.merged_at,
  undoneAt: row.undone_at,
})

export type MergedContact = MergedColumns & { id: number; is_group: boolean; deleted_at: string | null }

/** Contacts as a merge sees them; call it after they are locked. */
export async function readMerged(tx: TenantTx, ids: readonly number[]): Promise<Map<number, MergedContact>> {
  const rows = await tx.query<MergedContact>(
    `select id, is_group, deleted_at, ${Object.keys(mergedColumns).join(', ')} from contacts where tenant_id = $1 and id = any($2)`,
    [tx.tenantId, ids],
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/** Writes what changes of a contact, as its next version. */
export async function writeMerged(
  tx: TenantTx,
  id: number,
  change: Partial<MergedColumns> & { deleted_at?: Date | null; merged_into?: number | null },
): Promise<void> {
  const names = Object.keys(change)
  const shape = { ...mergedColumns, deleted_at: 'timestamptz', merged_into: 'integer' } as Readonly<
    Record<string, string>
  >
  await tx.query(
    `update contacts c set version = c.version + 1, updated_at = $3${names.map((name) => `, ${name} = v.${name}`).join('')}
     from json_to_record($4) as v(${names.map((name) => `${name} ${shape[name]}`).join(', ') || 'nothing text'})
     where c.tenant_id = $1 and c.id = $2`,
    [tx.tenantId, id, tx.now, JSON.stringify(change)],
  )
}
