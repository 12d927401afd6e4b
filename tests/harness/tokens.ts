import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { testJwtSecret } from './hub.ts'

/** Claims of a good token of the CMS, to be bent one at a time. */
export function goodClaims(more: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: 'cms',
    sub: 'token-test',
    role: 'agent',
    tenant_id: 'main',
    name: 'Ana',
    iat: now,
    exp: now + 600,
    ...more,
  }
}

const encode = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** A token in every particular as told, signed with HMAC: `hash` and `secret` need not be what the header says. */
export function forge(
  claims: unknown = goodClaims(),
  header: unknown = { alg: 'HS256', typ: 'JWT' },
  { secret = testJwtSecret as string | Buffer, hash = 'sha256' } = {},
): string {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`
}

export function unsigned(claims: unknown = goodClaims(), alg = 'none'): string {
  return `${encode({ alg, typ: 'JWT' })}.${encode(claims)}.`
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsaPublicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()

/** Signed for real with a key pair of the attacker. */
export function signedWithKeyPair(
  alg: 'RS256' | 'ES256',
  claims: unknown = goodClaims(),
  more: object = {},
): string {
  const signed = `${encode({ alg, typ: 'JWT', ...more })}.${encode(claims)}`
  const signer = createSign('sha256').update(signed)
  const signature =
    alg === 'RS256'
      ? signer.sign(rsa.privateKey)
      : signer.sign({ key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

const now = () => Math.floor(Date.now() / 1000)
const withHeader = (more: object) => forge(goodClaims(), { alg: 'HS256', typ: 'JWT', ...more })
const withClaims = (more: Record<string, unknown>) => forge(goodClaims(more))
const without = (name: string) => forge({ ...goodClaims(), [name]: undefined })

/** A credential that must be refused, with the code that says so. Made when it is used, so that times are fresh. */
export interface BadToken {
  readonly rule: string
  readonly what: string
  readonly make: () => string
  readonly code: 'unauthorized' | 'token_expired'
}

const bad = (
  rule: string,
  what: string,
  make: () => string,
  code: BadToken['code'] = 'unauthorized',
): BadToken => ({
  rule,
  what,
  make,
  code,
})

/**
 * Every way in which a token can be bad, once, for REST and for the socket alike (S3–S8 of the security anchors).
 * `without(x)` relies on JSON.stringify leaving undefined members out.
 */
export const badTokens: readonly BadToken[] = [
  // S3: the algorithm
  bad('S3', 'alg none', () => unsigned()),
  bad('S3', 'alg None', () => unsigned(goodClaims(), 'None')),
  bad('S3', 'alg NONE with a signature of ours', () => forge(goodClaims(), { alg: 'NONE', typ: 'JWT' })),
  bad('S3', 'alg RS256, signed by a stranger', () => signedWithKeyPair('RS256')),
  bad('S3', 'alg ES256, signed by a stranger', () => signedWithKeyPair('ES256')),
  bad('S3', 'alg HS384 with our secret', () =>
    forge(goodClaims(), { alg: 'HS384', typ: 'JWT' }, { hash: 'sha384' }),
  ),
  bad('S3', 'alg HS512 with our secret', () =>
    forge(goodClaims(), { alg: 'HS512', typ: 'JWT' }, { hash: 'sha512' }),
  ),
  bad('S3', 'no alg', () => forge(goodClaims(), { typ: 'JWT' })),
  bad('S3', 'alg as an array', () => forge(goodClaims(), { alg: ['HS256'], typ: 'JWT' })),
  // S4: keys that the token brings itself
  bad('S4', 'HS256 with a public key for a secret', () =>
    forge(goodClaims(), undefined, { secret: rsaPublicPem }),
  ),
  bad('S4', 'a jwk in the header', () => withHeader({ jwk: { kty: 'oct', k: 'AAAA' } })),
  bad('S4', 'a jku in the header', () => withHeader({ jku: 'https://attacker.example/keys' })),
  bad('S4', 'an x5u in the header', () => withHeader({ x5u: 'https://attacker.example/cert' })),
  bad('S4', 'an x5c in the header', () => withHeader({ x5c: ['AAAA'] })),
  bad('S4', 'a crit in the header', () => withHeader({ crit: ['exp'] })),
  bad('S4', 'RS256 with its own jwk', () =>
    signedWithKeyPair('RS256', goodClaims(), { jwk: rsa.publicKey.export({ format: 'jwk' }) }),
  ),
  // S5: kid is never looked up; one that is no short text is refused
  bad('S5', 'a kid of 10 kB', () => withHeader({ kid: 'x'.repeat(10_000) })),
  bad('S5', 'a kid that is an object', () => withHeader({ kid: { __proto__: null } })),
  bad('S5', 'a kid that is a path, with an empty secret', () =>
    forge(goodClaims(), { alg: 'HS256', kid: '/dev/null' }, { secret: '' }),
  ),
  bad('S5', 'a kid that is SQL, with the secret it would select', () =>
    forge(goodClaims(), { alg: 'HS256', kid: "' union select 'x" }, { secret: 'x' }),
  ),
  // S6: times
  bad('S6', 'no exp', () => without('exp')),
  bad('S6', 'exp ten years out', () => withClaims({ exp: now() + 10 * 365 * 86_400 })),
  bad('S6', 'exp beyond the longest life from iat', () =>
    withClaims({ iat: now() - 10, exp: now() + 86_400 }),
  ),
  bad('S6', 'exp as text', () => withClaims({ exp: String(now() + 600) })),
  bad('S6', 'exp as a fraction', () => withClaims({ exp: now() + 600.5 })),
  bad('S6', 'exp past', () => withClaims({ iat: now() - 600, exp: now() - 60 }), 'token_expired'),
  bad('S6', 'nbf to come', () => withClaims({ nbf: now() + 300 })),
  bad('S6', 'iat to come', () => withClaims({ iat: now() + 300 })),
  bad('S6', 'iat as text', () => withClaims({ iat: String(now()) })),
  // S7: who made it
  bad('S7', 'another iss', () => withClaims({ iss: 'attacker' })),
  bad('S7', 'no iss', () => without('iss')),
  bad('S7', 'iss as an array', () => withClaims({ iss: ['cms'] })),
  bad('S7', 'another secret', () =>
    forge(goodClaims(), undefined, { secret: 'another-secret-that-is-long-enough-to-be-one' }),
  ),
  bad('S7', 'an empty secret', () => forge(goodClaims(), undefined, { secret: '' })),
  bad('S7', 'an id token, by at_hash', () => withClaims({ at_hash: 'x' })),
  bad('S7', 'an id token, by c_hash', () => withClaims({ c_hash: 'x' })),
  bad('S7', 'a message about an event', () => withClaims({ events: { 'urn:x': {} } })),
  bad('S7', 'a refresh token', () => withClaims({ token_use: 'refresh' })),
  bad('S7', 'a token for webhooks', () => withHeader({ typ: 'webhook+jwt' })),
  bad('S7', 'a logout token', () => withHeader({ typ: 'logout+jwt' })),
  bad('S7', 'our own issuer, signed with the secret of the platform', () =>
    withClaims({ iss: 'switchboard' }),
  ),
  // S8: what it says
  bad('S8', 'no role', () => without('role')),
  bad('S8', 'an unknown role', () => withClaims({ role: 'superadmin' })),
  bad('S8', 'roles as an array', () => withClaims({ role: ['admin'] })),
  bad('S8', 'a role in capitals', () => withClaims({ role: 'ADMIN' })),
  bad('S8', 'a tenant that is an array', () => withClaims({ tenant_id: ['main'] })),
  bad('S8', 'a tenant that is an object', () => withClaims({ tenant_id: { $ne: null } })),
  bad('S8', 'a tenant that is empty', () => withClaims({ tenant_id: '' })),
  bad('S8', 'a tenant that does not exist', () => withClaims({ tenant_id: 'nobody' })),
  bad('S8', 'no subject', () => without('sub')),
  bad('S8', 'a subject that is empty', () => withClaims({ sub: '' })),
  bad('S8', 'a subject that is an object', () => withClaims({ sub: { toString: 'x' } })),
  bad('S8', 'a name that is an object', () => withClaims({ name: {} })),
  // no token at all
  bad('S3', 'two parts', () => forge().split('.').slice(0, 2).join('.')),
  bad('S3', 'four parts', () => `${forge()}.x`),
  bad('S3', 'a changed payload', () => {
    const [header, , signature] = forge().split('.')
    return `${header}.${encode(goodClaims({ role: 'admin' }))}.${signature}`
  }),
  bad('S3', 'a payload that is no JSON', () => forge('not json')),
  bad('S3', 'a payload that is an array', () => forge([1])),
  bad('S3', 'a header that is no JSON', () => forge(goodClaims(), 'not json')),
  bad('S3', 'more than 8 kB', () => withClaims({ filler: 'x'.repeat(9000) })),
  bad('S3', 'a key that nobody has', () => `sb_${'A'.repeat(43)}`),
  bad('S3', 'half a key', () => 'sb_AAAA'),
]

/** Tokens that look odd and are good: refusing them would lock people out. */
export const goodTokens: readonly { readonly what: string; readonly make: () => string }[] = [
  { what: 'a plain one', make: () => forge() },
  { what: 'a header that says access token', make: () => withHeader({ typ: 'at+jwt' }) },
  { what: 'a kid that we do not know', make: () => withHeader({ kid: 'unknown' }) },
  { what: 'a kid named __proto__', make: () => forge(goodClaims(), '{"alg":"HS256","kid":"__proto__"}') },
  {
    what: 'user_id as a number instead of sub',
    make: () => forge({ ...goodClaims(), sub: undefined, user_id: 42 }),
  },
  { what: 'claims that we do not know', make: () => withClaims({ scope: 'x', aud: 'crm' }) },
  { what: 'iat within the leeway', make: () => withClaims({ iat: now() + 3, exp: now() + 600 }) },
  { what: 'the longest life', make: () => withClaims({ iat: now(), exp: now() + 86_400 }) },
  {
    what: 'no iat, and an exp within the longest life',
    make: () => forge({ ...goodClaims(), iat: undefined }),
  },
  { what: 'no tenant, which is the default one', make: () => without('tenant_id') },
]
