import { z } from 'zod'
import { actorView } from '../events/define.ts'
import { instant } from './record-input.ts'

/** One write, as the audit trail keeps it. */
export const auditEntry = z.strictObject({
  /** Its number in the tenant: 1, 2, 3 … in the order of commits, without holes. */
  id: z.number().int(),
  /** When it was committed, by the database's clock; never before the entry before it. */
  at: z.iso.datetime(),
  actor: actorView,
  /** Noun and verb, such as `customer.update`. */
  action: z.string(),
  /** Kind of the thing, such as `customer`. */
  entity: z.string(),
  entityId: z.string(),
  /** The thing before and after, secrets masked; null when there was or is none. */
  before: z.unknown(),
  after: z.unknown(),
  ip: z.string().nullable(),
  requestId: z.string().nullable(),
  /** SHA-256 of the entry before and this one, hexadecimal. */
  hash: z.string(),
})
export type AuditEntryView = z.infer<typeof auditEntry>

const word = z.string().min(1).max(200)

/** What the trail can be asked for; all of it must hold. */
export const auditFilters = {
  /** Id of a user or a key. */
  actorId: z.uuid().optional(),
  action: word.optional(),
  entity: word.optional(),
  entityId: word.optional(),
  /** From this instant on. */
  from: instant.optional(),
  /** Up to this instant, without it. */
  to: instant.optional(),
}
