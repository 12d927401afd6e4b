import { actions } from '../auth/can.ts'
import type { KeyDetail } from '../contract/access.ts'
import { Failure } from '../contract/errors.ts'
import { roles } from '../contract/records.ts'
import { createKey } from '../domain/keys/create-key.ts'
import { listKeys } from '../domain/keys/list-keys.ts'
import { revokeKey } from '../domain/keys/revoke-key.ts'
import { readTenant } from '../log/read-tenant.ts'
import { type VerbGroup, verb } from './command.ts'
import { Refusal } from './failure.ts'
import { withInstallation } from './installation.ts'
import { endHint, endOfKey, stateOf, tones } from './key-life.ts'
import { asOperator, tenantOf } from './operator.ts'
import { count, oneOf, option, required, several, upTo } from './options.ts'
import { moment } from './output.ts'

const tenantOption = required('SLUG', 'Tenant, by slug or id.')

const create = verb({
  summary: 'Make a key for a program. It is shown once, now.',
  options: {
    tenant: tenantOption,
    name: required('NAME', 'What it is for.', upTo(200)),
    role: required('ROLE', `What its bearer may do: ${roles.join(', ')}.`, oneOf(roles)),
    scope: several('ACTION', 'Only these of what the role may; may be given several times.', oneOf(actions)),
    rate: option(
      'N',
      'Requests and commands per minute; as many as anybody when not said.',
      count(1, 1_000_000),
    ),
    expires: option('WHEN', endHint, endOfKey),
  },
  notes: `Programs send it as Authorization: Bearer sb_...; without --expires it is good until it is revoked.
Actions: ${actions.join(', ')}`,
  run: async ({ options, out }) => {
    const { name, role, scope: scopes } = options
    const { key, view } = await withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, options.tenant)
      return asOperator(installation, id, (tx, by) =>
        createKey(tx, by, {
          name,
          role,
          scopes,
          expiresAt: options.expires ?? null,
          ratePerMinute: options.rate ?? null,
        }),
      )
    })
    out.answer({ key, ...view }, () => {
      out.line(key)
      out.note(`made key ${view.prefix} (${view.id}); this is the only time that it is shown`)
    })
    return undefined
  },
})

const isGone = ({ createdBy }: KeyDetail): boolean => !['active', null, undefined].includes(createdBy?.status)

/** Who made it, and what became of them when they may not come in any more. */
function makerOf(key: KeyDetail): string | null {
  const { createdBy } = key
  if (createdBy === null) return null
  const { name, status } = createdBy
  return isGone(key) ? `${name} (${status})` : name
}

const list = verb({
  summary: 'List the keys of a tenant, the newest first; the keys themselves are kept nowhere.',
  options: {
    tenant: tenantOption,
    limit: option('N', 'At most so many; 1000 when not said.', count(1, 100_000)),
  },
  run: async ({ options, out }) => {
    const found = await withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, options.tenant)
      return readTenant(installation, id, (query) => listKeys(query, options.limit ?? 1000))
    })
    const keys = found.map((key) => ({ ...key, state: stateOf(key) }))
    out.answer({ keys }, () =>
      out.table(
        keys,
        [
          { title: 'PREFIX', cell: (one) => one.prefix },
          { title: 'NAME', cell: (one) => one.name },
          { title: 'ROLE', cell: (one) => one.role },
          { title: 'STATE', cell: (one) => one.state, tone: (one) => tones[one.state] },
          { title: 'EXPIRES', cell: (one) => moment(one.expiresAt) },
          { title: 'LAST USED', cell: (one) => moment(one.lastUsedAt) },
          { title: 'RATE', cell: (one) => one.ratePerMinute },
          {
            title: 'MADE BY',
            cell: (one) => makerOf(one),
            tone: (one) => (isGone(one) ? 'warn' : 'dim'),
          },
          { title: 'SCOPES', cell: (one) => one.scopes.join(' ') },
          { title: 'ID', cell: (one) => one.id },
        ],
        'There are no keys; make one: switchboard key create',
      ),
    )
    return undefined
  },
})

const revoke = verb({
  summary: 'End a key for good.',
  operands: ['KEY'],
  options: { tenant: tenantOption },
  notes: `KEY: its id or its prefix. Requests with it are refused and its sockets end within seconds.`,
  run: async ({ operands: [reference = ''], options, out }) => {
    const { view, changed } = await withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, options.tenant)
      return asOperator(installation, id, (tx, by) => revokeKey(tx, by, reference)).catch(
        (error: unknown) => {
          if (error instanceof Failure && error.code === 'not_found')
            throw new Refusal(
              `there is no key ${reference}; switchboard key list --tenant ${options.tenant} shows them`,
              { cause: error },
            )
          throw error
        },
      )
    })
    out.answer({ ...view, changed }, () =>
      out.line(`key ${view.prefix} (${view.name}) is ${changed ? '' : 'already '}revoked`),
    )
    return undefined
  },
})

export const key: VerbGroup = {
  summary: 'Make, list and revoke API keys.',
  verbs: { create, list, revoke },
}
