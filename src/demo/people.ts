import jwt from 'jsonwebtoken'
import type { UserActor } from '../auth/actor.ts'
import { authenticate } from '../auth/authenticate.ts'
import type { AuthDeps } from '../auth/entry.ts'
import type { Role } from '../contract/records.ts'
import { type Config, ConfigError } from '../platform/config.ts'

/** The tenant of the demo. */
export const demoTenant = { slug: 'demo', name: 'Demo' }

interface Person {
  readonly key: 'admin' | 'manager' | 'aiko' | 'ben'
  readonly role: Role
  readonly name: string
}

/** Who works in the demo. The key is the subject of their tokens, so a restart meets the same users. */
export const people: readonly Person[] = [
  { key: 'admin', role: 'admin', name: 'Amara Osei' },
  { key: 'manager', role: 'manager', name: 'Marek Novak' },
  { key: 'aiko', role: 'agent', name: 'Aiko Sato' },
  { key: 'ben', role: 'agent', name: 'Ben Carter' },
]

const daySeconds = 86_400

export interface SignedPerson extends Person {
  /** Good for a day, or for JWT_MAX_AGE when that is less. */
  readonly token: string
}

/** A fresh token for everybody. Fails with a ConfigError when there is no secret or issuer to sign for. */
export function signPeople(
  config: Pick<Config, 'JWT_SECRET' | 'JWT_ISSUER' | 'JWT_MAX_AGE'>,
): SignedPerson[] {
  const [secret] = config.JWT_SECRET
  const [issuer] = config.JWT_ISSUER
  if (secret === undefined || issuer === undefined)
    throw new ConfigError(['the demo needs JWT_SECRET and JWT_ISSUER to sign its tokens'])
  const expiresIn = Math.min(daySeconds, config.JWT_MAX_AGE)
  return people.map((person) => {
    const claims = {
      role: person.role,
      name: person.name,
      email: `${person.key}@demo.example`,
      tenant_id: demoTenant.slug,
    }
    const subject = `demo-${person.key}`
    return { ...person, token: jwt.sign(claims, secret, { algorithm: 'HS256', issuer, subject, expiresIn }) }
  })
}

export type Staff = Readonly<Record<Person['key'], UserActor>>

/** Signs everybody in, which creates those who were never here. */
export async function signIn(deps: AuthDeps, signed: readonly SignedPerson[]): Promise<Staff> {
  const entries = await Promise.all(
    signed.map(async ({ key, token }) => [key, (await authenticate(deps, token)).actor] as const),
  )
  return Object.fromEntries(entries) as unknown as Staff
}
