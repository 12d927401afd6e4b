import { expect } from 'vitest'
import type { Actor } from '../../src/auth/actor.ts'
import { type Api, type ApiAnswer, startApi } from '../harness/api.ts'
import type { Hub } from '../harness/hub.ts'

/** Somebody who works with records over REST. */
export interface Desk {
  readonly hub: Hub
  readonly api: Api
  readonly actor: Actor
  readonly token: string
  call<View>(method: string, path: string, body?: unknown): Promise<ApiAnswer<{ data: View }>>
  /** POST that must make a record. */
  make<View>(path: string, body: object): Promise<View>
  /** GET that must succeed. */
  get<View>(path: string): Promise<View>
}

/** Signs somebody in and sits them down at the routes of records; `api` shares those of another desk. */
export async function openDesk(
  hub: Hub,
  who: { role?: 'viewer' | 'agent' | 'manager' | 'admin'; sub?: string; tenant?: string } = {},
  api?: Api,
): Promise<Desk> {
  const { role = 'agent', ...more } = who
  const { actor, token } = await hub.signIn(role, more)
  const routes = api ?? (await startApi(hub))
  const call: Desk['call'] = (method, path, body) => routes.call(token, method, `/admin/${path}`, body)
  return {
    hub,
    api: routes,
    actor,
    token,
    call,
    make: async <View>(path: string, body: object) => {
      const answer = await call<View>('POST', path, body)
      expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 201 })
      return answer.body.data
    },
    get: (path) => routes.get(token, `/admin/${path}`),
  }
}
