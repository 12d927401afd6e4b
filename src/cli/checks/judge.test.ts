import { expect, test } from 'vitest'
import { judgeFree, judgeNode } from './machine.ts'
import { judgeSkew } from './postgres.ts'
import { judgeVersion } from './redis.ts'
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
