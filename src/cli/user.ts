import { type Role, roles } from '../contract/records.ts'
import { changeUser } from '../domain/users/change-user.ts'
import { findUsers, type KnownUser } from '../domain/users/find-user.ts'
import { listUsers } from '../domain/users/list-users.ts'
import { readTenant } from '../log/tenant-tx.ts'
import { type Verb, type VerbGroup, verb } from './command.ts'
import { Refusal, UsageError } from './failure.ts'
import { type Installation, withInstallation } from './installation.ts'
import { asOperator, tenantOf } from './operator.ts'
import { count, oneOf, option, required } from './options.ts'

const tenantOption = required('SLUG', 'Tenant, by slug or id.')

const list = verb({
  summary: 'List the users of a tenant by name.',
  options: {
    tenant: tenantOption,
    role: option('ROLE', `Only these: ${roles.join(', ')}.`, oneOf(roles)),
    status: option('STATUS', 'Only these: active, disabled.', oneOf(['active', 'disabled'])),
    limit: option('N', 'At most so many; 1000 when not said.', count(1, 100_000)),
  },
  run: async ({ options, out }) => {
    const users = await withInstallation(async (installation) => {
      const { id } = await tenantOf(installation, options.tenant)
      const { role, status } = options
      return readTenant(installation, id, (query) =>
        listUsers(query, { role, status }, null, options.limit ?? 1000),
      )
    })
    out.answer({ users }, () =>
      out.table(
        users,
        [
          { title: 'NAME', cell: (one) => one.name },
          { title: 'ROLE', cell: (one) => one.role },
          {
            title: 'STATUS',
            cell: (one) => one.status,
            tone: (one) => (one.status === 'active' ? 'ok' : 'warn'),
          },
          { title: 'E-MAIL', cell: (one) => one.email },
          { title: 'PLATFORM', cell: (one) => one.platformUserId },
          { title: 'ID', cell: (one) => one.id },
        ],
        'There are no users; they are created when they first come in.',
      ),
    )
    return undefined
  },
})

/** The one user whom an operator means. Fails with a Refusal when there is none, or more than one. */
async function userOf(installation: Installation, tenantId: string, reference: string): Promise<KnownUser> {
  const [user, ...others] = await readTenant(installation, tenantId, (query) => findUsers(query, reference))
  if (user === undefined) throw new Refusal(`there is no user ${reference}; switchboard user list shows them`)
  if (others.length === 0) return user
  const all = [user, ...others].map((one) => `${one.id} (${one.issuer} ${one.subject})`)
  throw new Refusal(`several users are meant by ${reference}; name one by id: ${all.join(', ')}`)
}

const who = 'USER: an id, an e-mail address, or the subject of its tokens.'

function setStatus(status: 'active' | 'disabled', summary: string): Verb {
  return verb({
    summary,
    operands: ['USER'],
    options: { tenant: tenantOption },
    notes: who,
    run: async ({ operands: [reference = ''], options, out }) => {
      const { user, changed } = await withInstallation(async (installation) => {
        const { id: tenantId } = await tenantOf(installation, options.tenant)
        const { id } = await userOf(installation, tenantId, reference)
        return asOperator(installation, tenantId, (tx, by) => changeUser(tx, by, id, { status }))
      })
      out.answer({ user, changed }, () =>
        out.line(`${user.name} (${user.role}) is ${changed ? '' : 'already '}${status}`),
      )
      return undefined
    },
  })
}

const role = verb({
  summary: 'Give a user another role; open sockets get it at once.',
  operands: ['USER', 'ROLE'],
  options: { tenant: tenantOption },
  notes: `${who}
ROLE: ${roles.join(', ')}. A token of the platform that names another role changes it again when it is next used, so
change it there too.`,
  run: async ({ operands: [reference = '', asked = ''], options, out }) => {
    const wanted: Role = roleOf(asked)
    const { user, changed } = await withInstallation(async (installation) => {
      const { id: tenantId } = await tenantOf(installation, options.tenant)
      const { id } = await userOf(installation, tenantId, reference)
      return asOperator(installation, tenantId, (tx, by) => changeUser(tx, by, id, { role: wanted }))
    })
    out.answer({ user, changed }, () =>
      out.line(`${user.name} is ${changed ? 'now' : 'already'} ${user.role}`),
    )
    return undefined
  },
})

function roleOf(text: string): Role {
  try {
    return oneOf(roles)(text)
  } catch (error) {
    throw new UsageError(`ROLE: ${(error as Error).message}`, { cause: error })
  }
}

export const user: VerbGroup = {
  summary: 'List users, change their role, shut them out and let them in.',
  verbs: {
    list,
    disable: setStatus('disabled', 'Shut a user out: open sockets end, requests are refused.'),
    enable: setStatus('active', 'Let a disabled user back in.'),
    role,
  },
}
