import { formatPosition } from '../contract/position.ts'
import { recordAudit } from '../domain/audit/record-audit.ts'
import { listTenants, type TenantView } from '../domain/tenants/find-tenant.ts'
import { beginEpoch } from '../log/begin-epoch.ts'
import { type VerbGroup, verb } from './command.ts'
import { UsageError } from './failure.ts'
import { type Installation, withInstallation } from './installation.ts'
import { asOperator, tenantOf } from './operator.ts'
import { flag, option } from './options.ts'

async function chosen(installation: Installation, slug: string | undefined): Promise<TenantView[]> {
  return slug === undefined ? listTenants(installation) : [await tenantOf(installation, slug)]
}

const newEpoch = verb({
  summary: 'Say that the past was rewritten: after a backup was restored, or a failover that lost its tail.',
  options: {
    tenant: option('SLUG', 'Tenant, by slug or id.'),
    all: flag('Every tenant, which is what a restored backup calls for.'),
  },
  notes: `Positions that clients hold name events of a past that is gone by now. With a new epoch every open socket is told
"reset" within POLL_MS, and every later reconnect and replay too; clients forget what they hold, load a snapshot and go
on from there. Nothing is lost or changed in the tenant's records, and nobody is signed out. Doing it once too often
costs a snapshot per client; not doing it leaves screens that claim to be live and are not.`,
  run: async ({ options, out }) => {
    if ((options.tenant === undefined) === !options.all)
      throw new UsageError('name a tenant with --tenant SLUG, or every one with --all')
    const epochs = await withInstallation(async (installation) => {
      const begun = []
      for (const { id, slug } of await chosen(installation, options.tenant)) {
        const { before, after } = await asOperator(installation, id, async (tx, by) => {
          const epoch = await beginEpoch(installation, tx)
          const heads = { before: formatPosition(epoch.before), after: formatPosition(epoch.after) }
          recordAudit(tx, {
            by,
            action: 'log.new-epoch',
            entity: 'log',
            entityId: id,
            before: { head: heads.before },
            after: { head: heads.after },
          })
          return heads
        })
        begun.push({ tenant: slug, before, after })
      }
      return begun
    })
    out.answer({ epochs }, () => {
      out.table(
        epochs,
        [
          { title: 'TENANT', cell: (one) => one.tenant },
          { title: 'HEAD BEFORE', cell: (one) => one.before },
          { title: 'HEAD NOW', cell: (one) => one.after },
        ],
        'There are no tenants.',
      )
      out.line(
        'Open clients are told to reset within POLL_MS, load a snapshot and go on; others when they come back.',
      )
    })
    return undefined
  },
})

export const log: VerbGroup = {
  summary: 'Begin a new epoch after the past was rewritten.',
  verbs: { 'new-epoch': newEpoch },
}
