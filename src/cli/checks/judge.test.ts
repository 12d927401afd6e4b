import { expect, test } from 'vitest'
import { judgeFree, judgeNode } from './machine.ts'
import { judgeSkew } from './postgres.ts'
import { judgeVersion } from './redis.ts'
import { type FoundRole, type FoundShared, judgeRoles, judgeShared } from './roles.ts'
import { judgeAge, judgeStuck } from './work.ts'

const gibibyte = 1024 ** 3

test.each([
  ['24.6.0', 'fail'],
  ['24.7.0', 'ok'],
  ['25.0.0', 'ok'],
  ['20.20.2', 'fail'],
])('Node %s: %s', (version, status) => expect(judgeNode(version).status).toBe(status))

test.each([
  [gibibyte / 4 - 1, 'fail'],
  [gibibyte / 4, 'warn'],
  [2 * gibibyte - 1, 'warn'],
  [2 * gibibyte, 'ok'],
])('%d bytes free: %s', (bytes, status) => expect(judgeFree(bytes, '/data').status).toBe(status))

test.each([
  [0.2, 'ok', 'less than 1 ms ahead of ours'],
  [1000, 'ok', '1000 ms ahead of ours'],
  [-1001, 'warn', '1001 ms behind ours'],
  [5000, 'warn', '5000 ms ahead of ours'],
  [5001, 'fail', '5001 ms ahead of ours'],
  [-5001, 'fail', '5001 ms behind ours'],
])('a clock that is %d ms ahead, with a leeway of 5 s: %s', (skew, status, found) =>
  expect(judgeSkew(skew, 5000)).toMatchObject({ status, found }),
)

test.each([
  ['redis_version:7.0.15\r\nredis_mode:standalone', 'warn', '7.0.15'],
  ['redis_version:8.6.2', 'warn', '8.6.2'],
  ['redis_version:8.6.3', 'ok', '8.6.3'],
  ['redis_version:8.7.0', 'ok', '8.7.0'],
  ['redis_version:9.0.0', 'ok', '9.0.0'],
  ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0', 'ok', '7.2.4'],
  ['redis_version:6.2.20', 'fail', '6.2.20'],
  ['', 'fail', 'unknown'],
])('INFO %j: %s', (info, status, found) => expect(judgeVersion(info)).toMatchObject({ status, found }))

test.each([
  [null, 'ok', 'nothing waits'],
  [30, 'ok', 'the oldest waits for 30 s'],
  [31, 'warn', 'the oldest waits for 31 s'],
  [600, 'warn', 'the oldest waits for 10 min'],
  [601, 'fail', 'the oldest waits for 10 min'],
])('work that waits for %s s where 30 are much: %s', (seconds, status, found) =>
  expect(judgeAge(seconds, 30)).toMatchObject({ status, found }),
)

test('stuck deliveries are a warning from the first on', () => {
  expect(judgeStuck(0, 0)).toEqual({ status: 'ok', found: 'none' })
  expect(judgeStuck(1, 0)).toMatchObject({ status: 'warn', found: '1 parked, 0 in quarantine' })
  expect(judgeStuck(0, 1)).toMatchObject({ status: 'warn', found: '0 parked, 1 in quarantine' })
})

const role = (name: string, more: Partial<FoundRole> = {}): FoundRole => ({
  name,
  super: false,
  bypasses: name === 'switchboard_router',
  login: false,
  ours: name !== 'switchboard_router',
  inherited: name === 'switchboard_app',
  ...more,
})
const [app, router, lane] = ['switchboard_app', 'switchboard_router', 'switchboard_lane'] as const
const sound = [role(app), role(router), role(lane)]

test.each<[FoundRole[], string, string]>([
  [sound, 'ok', 'as they must be'],
  [[role(app), role(router)], 'fail', 'missing: switchboard_lane'],
  [[], 'fail', 'missing: switchboard_app, switchboard_router, switchboard_lane'],
  [[role(app, { bypasses: true }), role(router), role(lane)], 'fail', 'switchboard_app is not bound'],
  [[role(app), role(router), role(lane, { super: true })], 'fail', 'switchboard_lane is not bound'],
  [[role(app), role(router, { bypasses: false }), role(lane)], 'fail', 'intake finds no number'],
  [[role(app), role(router), role(lane, { ours: false })], 'warn', 'may not become'],
  [[role(app), role(router), role(lane, { inherited: true })], 'warn', 'inherits from'],
  [[role(app), role(router, { login: true }), role(lane)], 'warn', 'switchboard_router can log in'],
])('roles %#: %s', (roles, status, found) =>
  expect(judgeRoles(roles)).toMatchObject({ status, found: expect.stringContaining(found) as string }),
)

test.each<[FoundShared, string, string]>([
  [{ policies: 10, rights: 10, appends: true }, 'ok', '10 tables'],
  [{ policies: 9, rights: 10, appends: true }, 'warn', 'lacks the policy on 1 of 10 tables, so'],
  [{ policies: 10, rights: 8, appends: true }, 'warn', 'lacks rights on 2 of 10 tables, so'],
  [{ policies: 10, rights: 10, appends: false }, 'warn', 'lacks the right to append events, so'],
])('what shared statements need %#: %s', (shared, status, found) =>
  expect(judgeShared(shared, 'crm')).toMatchObject({
    status,
    found: expect.stringContaining(found) as string,
    ...(status === 'warn' && { advice: 'as the owner: call crm.share_message_path()' }),
  }),
)
