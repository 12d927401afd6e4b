import { createHash } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import { inTenant, type LogDeps } from '../../log/tenant-tx.ts'
import { isUniqueViolation } from '../../platform/db.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { bearPipeline } from '../pipelines/seed-pipeline.ts'
import { requireTimeZone } from './require-time-zone.ts'

export interface NewTenant {
  /** Lower-case letters, digits and dashes; unique in the installation. */
  readonly slug: string
  readonly name: string
  readonly timeZone?: string
  /** The business of the platform that it is for; each has one tenant at most. */
  readonly platform?: { readonly businessId: number | null; readonly ownerId: number | null }
}

const slugShape = /^[a-z0-9][a-z0-9-]{0,62}$/

/** The logical shard, fixed at birth: the first 9 bits of the id's SHA-256. */
function shardOf(tenantId: string): number {
  return createHash('sha256').update(tenantId).digest().readUInt16BE(0) >> 7
}

/**
 * Makes a tenant with an empty log and the default pipeline; `by` is the name under which the trail shows who did it.
 * Fails with `validation_failed` (the slug, or a time zone that the database does not know) or `conflict` (the slug is taken, or the business has a tenant).
 */
export async function createTenant(
  deps: LogDeps,
  input: NewTenant,
  by = 'switchboard',
): Promise<{ id: string; slug: string; name: string }> {
  if (!slugShape.test(input.slug)) throw new Failure('validation_failed', { slug: input.slug })
  const id = uuidv7(deps.clock.now().getTime())
  try {
    await inTenant(deps, id, async (tx) => {
      if (input.timeZone !== undefined) await requireTimeZone(tx, input.timeZone)
      await tx.query(
        `insert into tenants (id, slug, name, shard, time_zone, platform_business_id, platform_owner_id)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [
          id,
          input.slug,
          input.name,
          shardOf(id),
          input.timeZone ?? 'UTC',
          input.platform?.businessId ?? null,
          input.platform?.ownerId ?? null,
        ],
      )
      await tx.query('insert into tenant_heads (tenant_id) values ($1)', [id])
      await tx.query('insert into conversation_counters (tenant_id) values ($1)', [id])
      await bearPipeline(tx)
      recordAudit(tx, {
        by: { actor: { kind: 'system', tenantId: id, name: by } },
        action: 'tenant.create',
        entity: 'tenant',
        entityId: id,
        after: { slug: input.slug, name: input.name, timeZone: input.timeZone ?? 'UTC' },
      })
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw new Failure('conflict', { slug: input.slug }, { cause: error })
    throw error
  }
  return { id, slug: input.slug, name: input.name }
}
