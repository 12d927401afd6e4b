import type { Actor } from '../../auth/actor.ts'
import { stillWelcome } from '../../auth/authenticate.ts'
import { inTenant, type LogDeps, type TenantTx } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { recordAudit } from '../audit/record-audit.ts'
import { dropDrafts } from './draft-records.ts'
import { type ImportRow, importColumns, presentImport, tellImport } from './import-row.ts'

/** An import in the hands of one worker. */
export interface Claim {
  readonly row: ImportRow
  readonly token: string
}

/** An import that is due and that nobody works on, in our hands for IMPORT_LEASE_MS; null when there is none such. */
export function claimImport(
  deps: LogDeps & { readonly config: Pick<Config, 'IMPORT_LEASE_MS'> },
  tenantId: string,
  id: string,
): Promise<Claim | null> {
  return inTenant(deps, tenantId, async (tx) => {
    const token = uuidv7(tx.now.getTime())
    const [row] = await tx.query<ImportRow>(
      `update imports i set state = 'running', claim_token = $3, lease_until = now() + make_interval(secs => $4 / 1000.0)
       where i.tenant_id = $1 and i.id = $2 and i.state in ('queued', 'running') and (i.lease_until is null or i.lease_until < now())
       returning ${importColumns}`,
      [tenantId, id, token, deps.config.IMPORT_LEASE_MS],
    )
    return row ? { row, token } : null
  })
}

/** The import, locked until commit and its claim renewed; null when it was cancelled or taken over. */
export async function holdImport(
  tx: TenantTx,
  { row, token }: Claim,
  leaseMs: number,
): Promise<ImportRow | null> {
  const [held] = await tx.query<ImportRow>(
    `update imports i set lease_until = now() + make_interval(secs => $4 / 1000.0)
     where i.tenant_id = $1 and i.id = $2 and i.claim_token = $3 and i.state = 'running' returning ${importColumns}`,
    [tx.tenantId, row.id, token, leaseMs],
  )
  return held ?? null
}

/** Ends an import: `reason` says why it failed, null that it is done. Records `import.finished`. */
export async function finishImport(
  tx: TenantTx,
  actor: Actor,
  id: string,
  reason: string | null,
): Promise<void> {
  const [row] = await tx.query<ImportRow>(
    `update imports i set state = $3, reason = $4, finished_at = $5, claim_token = null, lease_until = null
     where i.tenant_id = $1 and i.id = $2 returning ${importColumns}`,
    [tx.tenantId, id, reason === null ? 'done' : 'failed', reason, tx.now],
  )
  if (!row) return
  if (row.dry_run) await dropDrafts(tx, id)
  tellImport(tx, 'import.finished', row)
  recordAudit(tx, {
    by: { actor },
    action: 'import.finish',
    entity: 'import',
    entityId: id,
    after: presentImport(row),
  })
}

/** Whoever brought it, with the rights of this moment; null when they may no longer come in. */
export function bringerOf(
  deps: LogDeps,
  tenantId: string,
  { actor, owner_id: id }: ImportRow,
): Promise<Actor | null> {
  const facts = {
    tenantId,
    id,
    name: actor.name,
    role: actor.role,
    teamIds: new Set<string>(),
    closedChannelIds: new Set<string>(),
  }
  return stillWelcome(
    deps,
    actor.kind === 'key'
      ? { ...facts, kind: 'key', scopes: actor.scopes, ratePerMinute: null }
      : { ...facts, kind: 'user', email: null, platformUserId: null },
  )
}

/** For the log, while the bringer may no longer come in. */
export const importer = (tenantId: string): Actor => ({ kind: 'system', tenantId, name: 'import' })
