import { changeSettings } from '../domain/tenants/change-settings.ts'
import { createTenant } from '../domain/tenants/create-tenant.ts'
import { listTenants, type TenantView } from '../domain/tenants/find-tenant.ts'
import { setTenantStatus } from '../domain/tenants/set-tenant-status.ts'
import { type Verb, type VerbGroup, verb } from './command.ts'
import { Failure } from '../contract/errors.ts'
import { Refusal, UsageError } from './failure.ts'
import { withInstallation } from './installation.ts'
import { asOperator, operatorName, tenantOf } from './operator.ts'
import { count, option, upTo } from './options.ts'
import { moment } from './output.ts'

const create = verb({
  summary: 'Make a tenant.',
  operands: ['SLUG'],
  options: {
    name: option('NAME', 'What people call it; the slug when not said.', upTo(200)),
    'time-zone': option('ZONE', 'Such as Europe/Berlin; UTC when not said.', timeZone),
  },
  notes:
    'SLUG: lower-case letters, digits and dashes, 63 at most; tokens name the tenant by it (claim tenant_id).',
  run: async ({ operands: [slug = ''], options, out }) => {
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(slug))
      throw new UsageError(`SLUG is lower-case letters, digits and dashes, such as acme-berlin, not ${slug}`)
    const zone = options['time-zone']
    const input = { slug, name: options.name ?? slug, ...(zone && { timeZone: zone }) }
    const tenant = await withInstallation(async (installation) => {
      try {
        return await createTenant(installation, input, operatorName())
      } catch (error) {
        if (error instanceof Failure && error.code === 'conflict')
          throw new Refusal(`there is a tenant ${slug} already`, { cause: error })
        throw error
      }
    })
    out.answer(tenant, () => out.line(`made tenant ${tenant.slug} (${tenant.id})`))
    return undefined
  },
})

function timeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch {
    throw new UsageError(`there is no time zone ${text}`)
  }
}

const list = verb({
  summary: 'List the tenants, the oldest first.',
  run: async ({ out }) => {
    const tenants = await withInstallation((installation) => listTenants(installation))
    out.answer({ tenants }, () =>
      out.table(
        tenants,
        [
          { title: 'SLUG', cell: (one) => one.slug },
          { title: 'NAME', cell: (one) => one.name },
          {
            title: 'STATUS',
            cell: (one) => one.status,
            tone: (one) => (one.status === 'active' ? 'ok' : 'warn'),
          },
          { title: 'SINCE', cell: (one) => moment(one.createdAt) },
          { title: 'ID', cell: (one) => one.id },
        ],
        'There are no tenants; make one: switchboard tenant create SLUG',
      ),
    )
    return undefined
  },
})

function setStatus(status: TenantView['status'], summary: string, notes: string): Verb {
  return verb({
    summary,
    operands: ['SLUG'],
    notes,
    run: async ({ operands: [slug = ''], out }) => {
      const { tenant, changed } = await withInstallation(async (installation) => {
        const { id } = await tenantOf(installation, slug)
        return asOperator(installation, id, (tx, by) => setTenantStatus(tx, by, status))
      })
      out.answer({ tenant, changed }, () =>
        out.line(`tenant ${tenant.slug} is ${changed ? '' : 'already '}${status}`),
      )
      return undefined
    },
  })
}

/** A number, or `default` for what the installation gives to all. */
const most = (text: string): number | null => (text === 'default' ? null : count(0, 1_000_000)(text))

const limit = verb({
  summary: 'Say how much a tenant may have.',
  operands: ['SLUG'],
  options: {
    users: option('N', 'People who may come in; "default" is TENANT_USERS.', most),
    teams: option('N', 'Teams; "default" is TENANT_TEAMS.', most),
    keys: option('N', 'Keys that are neither revoked nor over; "default" is TENANT_API_KEYS.', most),
    channels: option('N', 'Numbers; "default" is TENANT_CHANNELS.', most),
  },
  notes:
    'What is there already stays; only more of it is refused. Admins see their limits and cannot change them.',
  run: async ({ operands: [slug = ''], options, out }) => {
    const limits = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    if (Object.keys(limits).length === 0) throw new UsageError('name at least one limit')
    const { settings } = await withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, slug)
      return asOperator(installation, id, (tx, by) => changeSettings(tx, by, { limits }))
    })
    const own = settings.limits ?? {}
    out.answer({ limits: own }, () => {
      const said = Object.entries(own).map(([name, value]) => `${name} ${value}`)
      out.line(`limits of ${slug} of its own: ${said.length === 0 ? 'none' : said.join(', ')}`)
    })
    return undefined
  },
})

export const tenant: VerbGroup = {
  summary: 'Make, list, limit, suspend and resume tenants.',
  verbs: {
    create,
    list,
    limit,
    suspend: setStatus(
      'suspended',
      'Shut a tenant out: nobody comes in, open sockets end, webhooks are kept unprocessed.',
      'Open sockets end within seconds; requests over REST are refused at once where the doorbell rings, and within 15 s otherwise.',
    ),
    resume: setStatus(
      'active',
      'Let a suspended tenant back in.',
      'What networks posted meanwhile waits in quarantine: switchboard redrive --state quarantined --tenant SLUG',
    ),
  },
}
