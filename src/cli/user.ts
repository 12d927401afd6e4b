import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { Failure } from '../contract/errors.ts'
import { type Role, roles } from '../contract/records.ts'
import { createLocalUser } from '../domain/sign-in/create-local-user.ts'
import { hashPassword } from '../domain/sign-in/password-hash.ts'
import { whatIsWrong } from '../domain/sign-in/password-rules.ts'
import { setPassword } from '../domain/sign-in/set-password.ts'
import { changeUser } from '../domain/users/change-user.ts'
import { findUsers, type KnownUser } from '../domain/users/find-user.ts'
import { listUsers } from '../domain/users/list-users.ts'
import { readTenant } from '../log/read-tenant.ts'
import { type Verb, type VerbGroup, verb } from './command.ts'
import { Refusal, UsageError } from './failure.ts'
import { type Installation, withInstallation } from './installation.ts'
import { asOperator, tenantOf } from './operator.ts'
import { count, flag, oneOf, option, required, upTo } from './options.ts'
import type { Output } from './output.ts'

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

const passwordOption = flag('Read the password from standard input instead of making one.')
const passwordNotes = `The password that is made is printed once, now; its user changes it (POST /api/auth/password). With --password-stdin the
first line of standard input is the password. Signing in takes LOCAL_SIGN_IN=on.`

/** The password that was given or made, and its hash. Fails with a Refusal for one that is too weak. */
async function passwordFor(
  config: Installation['config'],
  email: string,
  fromInput: boolean,
): Promise<{ made: string | undefined; hash: string }> {
  const password = fromInput ? await firstLine() : randomBytes(18).toString('base64url')
  const wrong = whatIsWrong(config, password, email)
  if (wrong !== undefined) throw new Refusal(`the password ${wrong}`)
  return { made: fromInput ? undefined : password, hash: await hashPassword(config, password) }
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  return ''
}

/** What to say when nobody can sign in with what was just made. */
function noteIfOff({ LOCAL_SIGN_IN }: Installation['config'], out: Output): void {
  if (LOCAL_SIGN_IN === 'off') out.note('sign-in by password is off here: set LOCAL_SIGN_IN=on')
}

const create = verb({
  summary: 'Make a user who signs in with a password; the first admin, for example.',
  operands: ['EMAIL'],
  options: {
    tenant: tenantOption,
    role: required('ROLE', `What they may do: ${roles.join(', ')}.`, oneOf(roles)),
    name: option('NAME', 'What they are called; the address when not said.', upTo(200)),
    'password-stdin': passwordOption,
  },
  notes: passwordNotes,
  run: async ({ operands: [address = ''], options, out }) => {
    const email = emailOf(address)
    const { user, made } = await withInstallation(async (installation) => {
      const { config } = installation
      const { id } = await tenantOf(installation, options.tenant)
      const { made, hash } = await passwordFor(config, email, options['password-stdin'])
      const input = {
        issuer: config.LOCAL_ISSUER,
        email,
        name: options.name ?? email,
        role: options.role,
        hash,
      }
      const user = await asOperator(installation, id, (tx, by) => createLocalUser(tx, by, input)).catch(
        takenBy(email),
      )
      noteIfOff(config, out)
      return { user, made }
    })
    out.answer({ user, ...(made !== undefined && { password: made }) }, () => {
      out.note(
        `made ${user.role} ${user.name} (${user.id})${made === undefined ? '' : '; the password, shown once:'}`,
      )
      if (made !== undefined) out.line(made)
    })
    return undefined
  },
})

const password = verb({
  summary: 'Give a user a new password; all their sign-ins end.',
  operands: ['USER'],
  options: { tenant: tenantOption, 'password-stdin': passwordOption },
  notes: `${who}
${passwordNotes}`,
  run: async ({ operands: [reference = ''], options, out }) => {
    const { user, made } = await withInstallation(async (installation) => {
      const { config } = installation
      const { id: tenantId } = await tenantOf(installation, options.tenant)
      const user = await userOf(installation, tenantId, reference)
      const { email } = user
      if (email === null) throw new Refusal(`${user.name} has no e-mail address to sign in with`)
      const { made, hash } = await passwordFor(config, email, options['password-stdin'])
      await asOperator(installation, tenantId, (tx, by) =>
        setPassword(tx, by, { userId: user.id, email, hash }),
      ).catch(takenBy(email))
      noteIfOff(config, out)
      return { user, made }
    })
    out.answer(
      { user: { id: user.id, email: user.email }, ...(made !== undefined && { password: made }) },
      () => {
        out.note(`${user.name} has a new password${made === undefined ? '' : ', shown once:'}`)
        if (made !== undefined) out.line(made)
      },
    )
    return undefined
  },
})

function emailOf(text: string): string {
  const parsed = z.email().max(320).safeParse(text)
  if (!parsed.success) throw new UsageError(`EMAIL: ${text} is no e-mail address`)
  return parsed.data
}

function takenBy(email: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof Failure && error.code === 'conflict')
      throw new Refusal(`somebody has the e-mail address ${email} already`, { cause: error })
    throw error
  }
}

export const user: VerbGroup = {
  summary: 'List and make users, change their role and password, shut them out and let them in.',
  verbs: {
    list,
    create,
    password,
    disable: setStatus('disabled', 'Shut a user out: open sockets end, requests are refused.'),
    enable: setStatus('active', 'Let a disabled user back in.'),
    role,
  },
}
