import jwt from 'jsonwebtoken'
import { roles } from '../contract/records.ts'
import { ConfigError, readConfig } from '../platform/config.ts'
import { verb } from './command.ts'
import { Refusal, UsageError } from './failure.ts'
import { duration, flag, oneOf, option, required, upTo } from './options.ts'

const hourSeconds = 3600

export const token = verb({
  summary: 'Make a token for development and demos.',
  options: {
    role: required('ROLE', `What its bearer may do: ${roles.join(', ')}.`, oneOf(roles)),
    tenant: option('SLUG', 'Tenant; JWT_TENANT when not said.', upTo(63)),
    sub: option(
      'SUBJECT',
      'Who it is; the same subject is the same user. Default: demo- and the role.',
      upTo(200),
    ),
    name: option('NAME', 'What the user is called. Default: the subject.', upTo(200)),
    email: option('ADDRESS', "The user's e-mail address.", upTo(320)),
    ttl: option('TIME', 'How long it is good, such as 90s, 30m, 1h or 7d. Default: 1h.', duration),
    'i-know': flag('In production too: whoever has the token comes in.'),
  },
  notes: `Signed with JWT_SECRET (the first one while rotating) for the first issuer of JWT_ISSUER, so it is good wherever the
hub runs with the same settings; development keeps a secret of its own under DATA_DIR. The platform issues the tokens of
real people. The user is created when the token is first used. The token is printed alone:
  curl -H "Authorization: Bearer $(npx switchboard token --role admin)" http://127.0.0.1:4000/admin/me`,
  run: async ({ options, out }) => {
    const config = readConfig()
    if (config.NODE_ENV === 'production' && !options['i-know'])
      throw new Refusal(
        'this is production, where tokens come from the platform; --i-know makes one nevertheless',
      )
    const [secret] = config.JWT_SECRET
    const [issuer] = config.JWT_ISSUER
    if (secret === undefined) throw new ConfigError(['JWT_SECRET: needed to sign a token'])
    if (issuer === undefined) throw new ConfigError(['JWT_ISSUER: names no issuer'])
    const seconds = options.ttl ?? Math.min(hourSeconds, config.JWT_MAX_AGE)
    if (seconds > config.JWT_MAX_AGE)
      throw new UsageError(`--ttl: tokens may live for ${config.JWT_MAX_AGE} s at most (JWT_MAX_AGE)`)
    const subject = options.sub ?? `demo-${options.role}`
    const name = options.name ?? subject
    const tenant = options.tenant ?? config.JWT_TENANT
    const issuedAt = Math.floor(Date.now() / 1000)
    const claims = {
      role: options.role,
      name,
      tenant_id: tenant,
      iat: issuedAt,
      ...(options.email && { email: options.email }),
    }
    const signed = jwt.sign(claims, secret, { algorithm: 'HS256', issuer, subject, expiresIn: seconds })
    const expiresAt = new Date((issuedAt + seconds) * 1000).toISOString()
    out.answer({ token: signed, role: options.role, tenant, issuer, subject, name, expiresAt }, () =>
      out.line(signed),
    )
    return undefined
  },
})
