import { expect } from 'vitest'
import { presentActor } from '../../src/auth/actor.ts'
import type { Role } from '../../src/contract/records.ts'
import type { SignedInView } from '../../src/contract/rest/sign-in.ts'
import { createLocalUser } from '../../src/domain/sign-in/create-local-user.ts'
import { hashPassword } from '../../src/domain/sign-in/password-hash.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import type { Hub } from '../harness/hub.ts'
import type { RestClient, RestRequest } from '../harness/rest-client.ts'

/** Settings of an installation where people sign in with a password, from pages of `ours`. */
export const on = {
  LOCAL_SIGN_IN: 'on',
  LOCAL_RATE_PER_MINUTE: '10000',
  CORS_ALLOWED_ORIGINS: 'https://console.example',
}
export const goodPassword = 'correct horse battery'
export const ours = { origin: 'https://console.example' }

/** A user with a password, as the command line makes one. */
export async function addUser(
  hub: Hub,
  email: string,
  role: Role = 'agent',
  password = goodPassword,
  tenantId = hub.tenant.id,
): Promise<string> {
  const actor = { kind: 'system', tenantId, name: 'test' } as const
  const hash = await hashPassword(hub.config, password)
  const input = { issuer: hub.config.LOCAL_ISSUER, email, name: email, role, hash }
  const user = await inTenant(
    hub.deps,
    tenantId,
    (tx) => createLocalUser(tx, { actor }, input),
    presentActor(actor),
  )
  return user.id
}

export const post = <Body = SignedInView>(
  rest: RestClient,
  path: string,
  json: unknown,
  more: RestRequest = {},
) => rest.call<Body>('POST', `/api/auth/${path}`, { json, ...more })

export async function signedIn(
  rest: RestClient,
  email: string,
  password = goodPassword,
): Promise<SignedInView> {
  const answer = await post(rest, 'sign-in', { email, password })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

export const refusedCode = async (rest: RestClient, path: string, json: unknown, more: RestRequest = {}) =>
  (await rest.refused('POST', `/api/auth/${path}`, { json, ...more })).code

/** Whether a token is good for anything. */
export const isIn = async (rest: RestClient, token: string) =>
  (await rest.call('GET', '/admin/me', { token })).status === 200
