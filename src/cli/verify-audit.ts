import { type Anchor, type AuditReport, verifyAudit as verify } from '../domain/audit/verify-audit.ts'
import { listTenants } from '../domain/tenants/find-tenant.ts'
import { verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import { withInstallation } from './installation.ts'
import { tenantOf } from './operator.ts'
import { count, option } from './options.ts'
import type { Output } from './output.ts'

interface TenantReport extends AuditReport {
  readonly tenant: string
}

export const verifyAudit = verb({
  summary: 'Check that no entry of the audit trail was altered, taken out or put in. Changes nothing.',
  options: {
    tenant: option('SLUG', 'Only this tenant; every one when not said.'),
    anchor: option(
      'NUMBER:HASH',
      'The end that an earlier look printed for this tenant; needs --tenant.',
      anchorOf,
    ),
    limit: option('N', 'List at most so many findings per tenant; 100 when not said.', count(1, 100_000)),
  },
  notes: `Each entry bears the hash of the one before it and of its own content; all of them are computed anew. Reads page by page and
holds no lock, so it can run beside the hub. Exit code 1 with findings. Who may alter the tables as their owner can compute
a new chain as well, or cut off its end together with what is known of the end: keep what this prints as the end of
each chain somewhere else, and give it with --anchor later.`,
  run: ({ options, out }) => {
    if (options.anchor !== undefined && options.tenant === undefined)
      throw new UsageError('--anchor is the end of one chain: say whose with --tenant')
    return withInstallation(async (installation) => {
      const tenants =
        options.tenant === undefined
          ? await listTenants(installation)
          : [await tenantOf(installation, options.tenant)]
      const reports: TenantReport[] = []
      for (const { id, slug } of tenants) {
        const report = await verify(installation, id, {
          page: 1000,
          mostFindings: options.limit ?? 100,
          anchor: options.anchor,
        })
        reports.push({ tenant: slug, ...report })
      }
      const ok = reports.every((report) => report.findings.length === 0)
      out.answer({ ok, tenants: reports }, () => print(out, reports))
      return ok ? exitCodes.ok : exitCodes.found
    })
  },
})

function anchorOf(text: string): Anchor {
  const [, number, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (number === undefined || hash === undefined)
    throw new UsageError('expected NUMBER:HASH, as verify-audit prints it')
  return { number: Number(number), hash }
}

function print(out: Output, reports: readonly TenantReport[]): void {
  out.table(
    reports,
    [
      { title: 'TENANT', cell: (one) => one.tenant },
      { title: 'ENTRIES', cell: (one) => one.entries, align: 'right' },
      { title: 'END', cell: (one) => one.end },
      {
        title: 'RESULT',
        cell: (one) => (one.findings.length === 0 ? 'ok' : `${one.findings.length + one.more} findings`),
        tone: (one) => (one.findings.length === 0 ? 'ok' : 'fail'),
      },
    ],
    'There are no tenants.',
  )
  for (const { tenant, findings, more } of reports) {
    for (const { code, entry, detail } of findings) out.line(`${tenant} ${entry} ${code}: ${detail}`, 'fail')
    if (more > 0) out.line(`${tenant}: ${more} more; --limit lists more of them`, 'fail')
  }
}
