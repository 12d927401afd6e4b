import { listTenants } from '../domain/tenants/find-tenant.ts'
import { type Partitions, readPartitions } from '../log/partitions.ts'
import { type LogReport, verifyLog as verify } from '../log/verify-log.ts'
import { verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { withInstallation } from './installation.ts'
import { tenantOf } from './operator.ts'
import { count, option } from './options.ts'
import type { Output } from './output.ts'

interface TenantReport extends LogReport {
  readonly tenant: string
}

export const verifyLog = verb({
  summary: 'Check the event log for holes and events that make no sense. Changes nothing.',
  options: {
    tenant: option('SLUG', 'Only this tenant; every one when not said.'),
    limit: option('N', 'List at most so many findings per tenant; 100 when not said.', count(1, 100_000)),
  },
  notes: `Per tenant: numbers follow one another without hole or repeat in each epoch; the head is the newest event; every event
is one of the catalogue, whole and of the right shape. For all: yesterday, today and tomorrow have a partition.
Reads page by page and holds no lock, so it can run beside the hub. Exit code 1 with findings. An event that was edited
into another one that makes sense is not found.`,
  run: ({ options, out }) =>
    withInstallation(async (installation) => {
      const tenants =
        options.tenant === undefined
          ? await listTenants(installation)
          : [await tenantOf(installation, options.tenant)]
      const partitions = await readPartitions(installation)
      const reports: TenantReport[] = []
      for (const { id, slug } of tenants) {
        const report = await verify(installation, id, { page: 1000, mostFindings: options.limit ?? 100 })
        reports.push({ tenant: slug, ...report })
      }
      const findings = reports.reduce((sum, { findings, more }) => sum + findings.length + more, 0)
      const ok = findings === 0 && partitions.missing.length === 0
      out.answer({ ok, partitions, tenants: reports }, () => print(out, partitions, reports))
      return ok ? exitCodes.ok : exitCodes.found
    }),
})

function print(out: Output, partitions: Partitions, reports: readonly TenantReport[]): void {
  const wrong = (one: TenantReport): number => one.findings.length + one.more
  out.table(
    reports,
    [
      { title: 'TENANT', cell: (one) => one.tenant },
      { title: 'EVENTS', cell: (one) => one.events, align: 'right' },
      { title: 'OLDEST', cell: (one) => one.oldest },
      { title: 'HEAD', cell: (one) => one.head },
      { title: 'EPOCHS', cell: (one) => one.epochs.join(', ') },
      {
        title: 'RESULT',
        cell: (one) => (wrong(one) === 0 ? 'ok' : `${wrong(one)} findings`),
        tone: (one) => (wrong(one) === 0 ? 'ok' : 'fail'),
      },
    ],
    'There are no tenants.',
  )
  for (const { tenant, findings, more } of reports) {
    for (const { code, position, detail } of findings)
      out.line(`${tenant} ${position ?? '-'} ${code}: ${detail}`, 'fail')
    if (more > 0) out.line(`${tenant}: ${more} more; --limit lists more of them`, 'fail')
  }
  if (partitions.missing.length > 0)
    out.line(
      `partitions are missing for ${partitions.missing.join(', ')}: are workers running? They make them every hour`,
      'fail',
    )
  else out.line(`partitions from ${partitions.from} to ${partitions.to}`)
}
