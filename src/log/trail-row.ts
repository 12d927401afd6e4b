import type { ActorView } from '../contract/events/define.ts'

/** A row on its way into the audit trail, as append_audit() reads it (migration 000025). Number, moment and hash come there. */
export interface TrailRow {
  readonly actor: ActorView
  readonly action: string
  readonly entity: string
  readonly entity_id: string
  readonly before: unknown
  readonly after: unknown
  readonly ip: string | null
  readonly request_id: string | null
}
