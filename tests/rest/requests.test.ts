import { gzipSync } from 'node:zlib'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problem } from '../../src/contract/rest/problem.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

let hub: Hub
let rest: RestClient
let admin: string
const path = '/api/v1/channels'

beforeAll(async () => {
  hub = await startHub({
    JSON_DEPTH: '8',
    JSON_KEYS: '50',
    JSON_ITEMS: '100',
    REST_BODY_BYTES: '20000',
    LIST_LIMIT: '20',
  })
  rest = await startRestOf(hub)
  admin = hub.token('admin')
})
afterAll(() => hub[Symbol.asyncDispose]())

const post = (raw: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  rest.refused('POST', path, {
    token: admin,
    raw,
    headers: { 'content-type': 'application/json', ...headers },
  })

const channel = (more: object = {}) => ({
  provider: 'whatsapp-cloud',
  name: 'n',
  phoneNumberId: '1',
  wabaId: '1',
  displayPhoneNumber: '1',
  accessToken: 'a',
  appSecret: 'b',
  verifyToken: 'c',
  ...more,
})

describe('every refusal is a problem of the catalogue', () => {
  test.each([
    ['GET', '/nothing/here', 404, 'not_found'],
    ['GET', '/api/v1/nothing', 404, 'not_found'],
    ['GET', '/api/v1/channels/not-an-id', 404, 'not_found'],
    ['GET', '/api/v1/channels/0198f000-0000-7000-8000-000000000000', 404, 'not_found'],
    ['GET', '/api/v1/channels/%ff', 404, 'not_found'],
    ['GET', '/api/v1/channels/%00', 404, 'not_found'],
    ['GET', '/api/users/not-a-number/crm-profile', 404, 'not_found'],
    ['GET', '/api/users/99999999999999999/crm-profile', 404, 'not_found'],
    ['PUT', '/api/v1/channels', 405, 'method_not_allowed'],
    ['POST', '/admin/me', 405, 'method_not_allowed'],
    ['PATCH', '/admin/customers', 405, 'method_not_allowed'],
    ['DELETE', '/health', 405, 'method_not_allowed'],
    ['PUT', '/api/v1/channels/0198f000-0000-7000-8000-000000000000', 405, 'method_not_allowed'],
    ['GET', '/api/v1/channels?limit=0', 400, 'validation_failed'],
    ['GET', '/api/v1/channels?unknown=1', 400, 'validation_failed'],
  ])('[REST2] %s %s is %i %s', async (method, where, status, code) => {
    const refused = await rest.refused(method, where, { token: admin })
    expect(refused).toMatchObject({
      status,
      code,
      type: `urn:switchboard:problem:${code}`,
      requestId: refused.headers.get('x-request-id'),
    })
    const { headers: _headers, ...document } = refused
    problem.parse(document)
  })

  test('[REST2] 405 names the methods that the path takes', async () => {
    expect((await rest.refused('PUT', path, { token: admin })).headers.get('allow')).toBe('GET, HEAD, POST')
    expect(
      (
        await rest.refused('POST', `${path}/0198f000-0000-7000-8000-000000000000`, { token: admin })
      ).headers.get('allow'),
    ).toBe('DELETE, GET, HEAD, PATCH')
  })

  test('a request id that a proxy gave is kept when it looks like one', async () => {
    const given = await rest.call('GET', '/health', { headers: { 'x-request-id': 'proxy-id-12345' } })
    expect(given.headers.get('x-request-id')).toBe('proxy-id-12345')
    const odd = await rest.call('GET', '/health', { headers: { 'x-request-id': '<script>' } })
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('bodies', () => {
  test.each([
    ['cut off', '{"name":'],
    ['trailing comma', '{"name":"x",}'],
    ['single quotes', "{'name':'x'}"],
    ['NaN', '{"name":NaN}'],
    ['two values', '{} {}'],
    ['only a bracket', '['],
    ['a byte order mark', '\uFEFF{}x'],
  ])('[REST3] malformed JSON: %s', async (_, raw) => {
    expect(await post(raw)).toMatchObject({ status: 400, code: 'malformed_json' })
  })

  test('[REST3] bytes that are no UTF-8 are malformed', async () => {
    expect((await post(new Uint8Array([0x22, 0xff, 0xfe, 0x22]))).code).toBe('malformed_json')
  })

  test.each([
    ['application/x-www-form-urlencoded', 'name=x'],
    ['text/plain', '{}'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['application/json; charset=utf-16', '{}'],
    ['application/jsonp', '{}'],
    ['', '{}'],
  ])('[REST3] the type %s is refused', async (type, raw) => {
    const headers = { 'content-type': type }
    expect(await rest.refused('POST', path, { token: admin, raw, headers })).toMatchObject({
      status: 415,
      code: 'unsupported_media_type',
    })
  })

  test('[REST3] an encoding that we do not know is refused', async () => {
    expect(await post('{}', { 'content-encoding': 'zstd-of-mine' })).toMatchObject({ status: 415 })
  })

  test('[REST3] a body that does not unpack is malformed', async () => {
    expect(await post('no gzip', { 'content-encoding': 'gzip' })).toMatchObject({
      status: 400,
      code: 'malformed_json',
    })
  })

  test('[REST3] every fault of a body is named at once, by pointer', async () => {
    const refused = await rest.refused('POST', path, {
      token: admin,
      json: { ...channel({ phoneNumberId: 'abc', name: '' }), 'a/b~c': 1, tenantId: 'x' },
    })
    expect(refused.code).toBe('validation_failed')
    expect(refused.errors?.map((fault) => fault.pointer).sort()).toEqual([
      '/a~1b~0c',
      '/name',
      '/phoneNumberId',
      '/tenantId',
    ])
    expect(refused.errors?.every((fault) => fault.in === 'body')).toBe(true)
  })

  test.each([
    'id',
    'tenantId',
    'tenant_id',
    'status',
    'stoppedReason',
    'settings',
    'secrets',
    'externalId',
    'webhookKey',
    'health',
    'version',
    'createdAt',
    'deletedAt',
    'role',
    '$or',
    '__proto__',
    'constructor',
    'prototype',
    'where',
    'toString',
  ])('[REST4] S14 a member that is not in the contract is refused: %s', async (name) => {
    const raw = JSON.stringify(channel()).replace(/}$/, `,${JSON.stringify(name)}:{"x":1}}`)
    const refused = await post(raw)
    expect(refused).toMatchObject({ status: 400, code: 'validation_failed' })
  })

  test.each([
    ['an object for a text', { name: { $ne: null } }],
    ['an array for a text', { name: ['x'] }],
    ['a number for digits', { phoneNumberId: 1 }],
    ['an ORM operator', { phoneNumberId: { $gt: '' } }],
    ['a raw fragment', { name: { __raw: true, sql: 'now()' } }],
  ])('[REST4] S14 %s is refused', async (_, more) => {
    expect(await rest.refused('POST', path, { token: admin, json: channel(more) })).toMatchObject({
      code: 'validation_failed',
    })
  })

  test.each([
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"name":{"__proto__":{"polluted":true}}}',
    '{"a":{"__proto__":{"toString":1}},"__proto__":{"polluted":true}}',
  ])('[REST4] S27 %s pollutes nothing', async (raw) => {
    await post(raw)
    await rest.call('POST', '/api/auth/validate', { raw, headers: { 'content-type': 'application/json' } })
    await rest.call('GET', `${path}?__proto__[polluted]=true&__proto__=1&constructor.prototype.polluted=1`, {
      token: admin,
    })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.prototype.hasOwnProperty.call(Object.prototype, 'polluted')).toBe(false)
  })

  test('[REST3] of a member that is given twice the last counts', async () => {
    const raw = JSON.stringify(channel({ phoneNumberId: '4711' })).replace('{', '{"name":"first",')
    const answer = await rest.call<{ data: { name: string } }>('POST', path, {
      token: admin,
      raw,
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.body.data.name).toBe('n')
  })

  test.each([
    ['NUL', '"\\u0000"'],
    ['a lone high surrogate', '"\\ud83d"'],
    ['a lone low surrogate', '"\\ude00"'],
    ['a high surrogate before another character', '"\\ud83dx\\ude00"'],
  ])('[REST3] text that no database keeps is refused: %s', async (_, text) => {
    expect(await post(`{"name":${text}}`)).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer: '' }],
    })
  })

  test('[REST3] escaped text that looks like it is kept: a backslash and u0000, a whole pair', async () => {
    for (const text of ['\\\\u0000', '\\ud83d\\ude00', '\\\\\\\\ud83d']) {
      const refused = await post(`{"provider":"evolution","nothing":"${text}"}`)
      expect(refused.errors?.map((fault) => fault.pointer)).toContain('/nothing')
    }
  })

  test('a POST without a body needs no type', async () => {
    expect(await rest.refused('POST', path, { token: admin })).toMatchObject({ code: 'validation_failed' })
  })
})

describe('limits, at and one beyond', () => {
  /** `{"nothing": …}`: what passes the limits fails at the schema, by the name of its member. */
  const judged = async (value: string) => {
    const refused = await post(`{"provider":"evolution","nothing":${value}}`)
    return refused.errors?.some((fault) => fault.pointer === '/nothing')
      ? 'passed'
      : refused.errors?.[0]?.message
  }
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  const wide = (items: number) => `[${Array.from({ length: items }, () => '1').join(',')}]`
  const keyed = (keys: number) => `{${Array.from({ length: keys }, (_, n) => `"k${n}":1`).join(',')}}`

  test('[REST8] S25 depth', async () => {
    expect(await judged(nested(7))).toBe('passed')
    expect(await judged(nested(8))).toBe('deeper than 8 levels')
  })
  test('[REST8] S25 items of an array', async () => {
    expect(await judged(wide(100))).toBe('passed')
    expect(await judged(wide(101))).toBe('an array with more than 100 items')
  })
  test('[REST8] S25 members of an object', async () => {
    expect(await judged(keyed(50))).toBe('passed')
    expect(await judged(keyed(51))).toBe('an object with more than 50 members')
  })
  test('[REST8] brackets, commas and quotes inside text do not count', async () => {
    expect(await judged(JSON.stringify(`${'['.repeat(50)}${','.repeat(200)}\\"{"\\\\`))).toBe('passed')
  })

  const ofSize = (bytes: number) => `{"nothing":"${'x'.repeat(bytes - 14)}"}`
  test('[REST8] S25 bytes of a body', async () => {
    expect((await post(ofSize(20_000))).code).toBe('validation_failed')
    expect(await post(ofSize(20_001))).toMatchObject({ status: 413, code: 'payload_too_large' })
  })
  test('[REST8] S25 bytes of a body after unpacking', async () => {
    const gzip = { 'content-encoding': 'gzip' }
    expect((await post(new Uint8Array(gzipSync(ofSize(20_000))), gzip)).code).toBe('validation_failed')
    expect((await post(new Uint8Array(gzipSync(ofSize(20_001))), gzip)).code).toBe('payload_too_large')
  })
  test('[REST8] S25 a gzip bomb costs next to nothing', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50 * 1024 * 1024)))
    // Below the limit while packed, 50 MB unpacked.
    const cut = bomb.slice(0, 19_000)
    const before = process.memoryUsage.rss()
    for (let n = 0; n < 5; n++) expect((await post(cut, { 'content-encoding': 'gzip' })).status).toBe(413)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024)
  })
  test('[REST8] S25 a bomb of brackets is refused in little time', async () => {
    const started = process.cpuUsage()
    expect((await post('['.repeat(19_999))).code).toBe('validation_failed')
    expect((await post(`{"a":${'{"a":'.repeat(3000)}`)).code).toBe('validation_failed')
    const { user, system } = process.cpuUsage(started)
    expect(user + system).toBeLessThan(200_000)
  })

  test('[REST7] a list gives at most LIST_LIMIT rows', async () => {
    expect((await rest.call('GET', `${path}?limit=20`, { token: admin })).status).toBe(200)
    expect((await rest.call('GET', `${path}?limit=1`, { token: admin })).status).toBe(200)
    for (const limit of ['21', '0', '-1', '1.5', '', ' 5', '5e0', '0x5', 'NaN'])
      expect(
        (await rest.refused('GET', `${path}?limit=${encodeURIComponent(limit)}`, { token: admin })).errors,
      ).toMatchObject([{ in: 'query', pointer: '/limit' }])
    expect((await rest.refused('GET', `${path}?limit=1&limit=2`, { token: admin })).code).toBe(
      'validation_failed',
    )
  })

  test('[REST7] a cursor that was made up, cut, changed or comes from another list is refused', async () => {
    for (let n = 0; n < 3; n++) await hub.signIn('agent', { sub: `listed-${n}` })
    const { body } = await rest.call<{ nextCursor: string }>('GET', '/admin/users?limit=1', { token: admin })
    const good = body.nextCursor
    expect((await rest.call('GET', `/admin/users?limit=1&cursor=${good}`, { token: admin })).status).toBe(200)
    const flipped = good
      .split('')
      .map((letter, at) => `${good.slice(0, at)}${letter === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`)
    const bad = [
      '',
      'x',
      '1',
      good.slice(0, -1),
      `${good}A`,
      `${good}=`,
      ...flipped,
      Buffer.from('[1,"users","a","b"]').toString('base64url'),
      'A'.repeat(1024),
    ]
    for (const cursor of bad)
      expect(
        await rest.refused('GET', `/admin/users?limit=1&cursor=${encodeURIComponent(cursor)}`, {
          token: admin,
        }),
        cursor,
      ).toMatchObject({
        code: 'validation_failed',
        errors: [{ in: 'query', pointer: '/cursor' }],
      })
    expect((await rest.refused('GET', `${path}?cursor=${good}`, { token: admin })).errors).toMatchObject([
      { pointer: '/cursor' },
    ])
  })

  test.each(["name'; drop table users; --", 'name desc', '1', 'id)(', 'role', '(select 1)'])(
    '[REST4] S15 what is no word of the contract never reaches the database: %s',
    async (text) => {
      const value = encodeURIComponent(text)
      for (const query of [
        `role=${value}`,
        `status=${value}`,
        `sort=${value}`,
        `orderBy=${value}`,
        `orderBy[name]=${value}`,
      ])
        expect((await rest.refused('GET', `/admin/users?${query}`, { token: admin })).code).toBe(
          'validation_failed',
        )
    },
  )
})

describe('lines that break', () => {
  test('a body that is cut off leaves the server as it was', async () => {
    const { port } = new URL(rest.origin)
    for (let n = 0; n < 20; n++) {
      const socket = connect(Number(port), '127.0.0.1')
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"na`,
      )
      await new Promise((resolve) => socket.destroy().once('close', resolve))
    }
    expect((await rest.call('GET', '/admin/me', { token: admin })).status).toBe(200)
  })
})
