import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Operation } from '../../src/rest/operations.ts'
import { asSuperuser } from '../cli/cli.ts'
import { operations } from '../harness/documents.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'
import { platformToken } from './platform.ts'

let hub: Hub
let rest: RestClient
let cookie: string
const listed = 'https://console.example'
const served = 'https://hub.example'

beforeAll(async () => {
  hub = await startHub({
    CORS_ALLOWED_ORIGINS: listed,
    PUBLIC_URL: `${served}/x`,
    REST_RATE_PER_MINUTE: '100000',
  })
  rest = await startRestOf(hub)
  cookie = `saubh_token=${platformToken({ usertype: 'SA' })}`
  expect((await rest.call('GET', '/admin/me', { headers: { cookie } })).status).toBe(200)
})
afterAll(() => hub[Symbol.asyncDispose]())

/** Every operation behind the door that changes something, as the routers have them. */
const writes = operations.filter(({ method, action }) => method !== 'get' && action !== 'public')

/** An address of the operation: some record that may or may not be there; nobody gets as far as looking. */
const addressOf = ({ path }: Operation) => path.replaceAll(/\{\w+\}/g, '1')

test('[ACC5] S11 with the cookie alone no operation that changes something is done for a page that is not ours', async () => {
  expect(writes.length).toBeGreaterThan(60)
  const before = await pictureOf()
  for (const operation of writes)
    for (const origin of [
      undefined,
      'null',
      'https://attacker.example',
      `${listed}.attacker.example`,
      'http://console.example',
    ])
      expect(
        await rest.refused(operation.method.toUpperCase(), addressOf(operation), {
          headers: { cookie, ...(origin !== undefined && { origin }) },
          json: {},
        }),
        `${operation.method} ${operation.path} from ${origin}`,
      ).toMatchObject({ status: 403, code: 'origin_denied' })
  expect(await pictureOf()).toEqual(before)
})

test('[ACC5] what a form can send, without a preflight, changes nothing either', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    expect(
      await rest.refused('POST', '/admin/tags', {
        headers: { cookie, 'content-type': type, origin: 'https://attacker.example' },
        raw: '{"name":"x"}',
      }),
    ).toMatchObject({ status: 403, code: 'origin_denied' })
})

test('[ACC5] neither a method in a header or in the query nor a GET with a body changes anything', async () => {
  const before = await pictureOf()
  const disguised = {
    cookie,
    'x-http-method-override': 'POST',
    'x-method-override': 'DELETE',
    origin: listed,
  }
  await rest.call('GET', '/admin/tags', { headers: disguised })
  expect((await rest.refused('GET', '/admin/tags?_method=DELETE', { headers: disguised })).status).toBe(400)
  expect(await pictureOf()).toEqual(before)
})

test('[ACC5] pages of a listed origin, and of the address that we are served at, change things with the cookie', async () => {
  for (const [origin, name] of [
    [listed, 'one'],
    [served, 'two'],
  ] as const) {
    const made = await rest.call('POST', '/admin/tags', { headers: { cookie, origin }, json: { name } })
    expect(made.status, made.text).toBe(201)
  }
})

test('[ACC5] a bearer needs no Origin, for no browser sends one on its own', async () => {
  const made = await rest.call('POST', '/admin/tags', { token: hub.token('admin'), json: { name: 'three' } })
  expect(made.status, made.text).toBe(201)
})

/** How much there is of what somebody could have changed. */
async function pictureOf(): Promise<unknown> {
  const { rows } = await asSuperuser(hub, (query) =>
    query(`select (select count(*) from audit_logs) as trail, (select count(*) from events) as events`),
  )
  return rows
}
