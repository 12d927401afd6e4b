import { expect, test } from 'vitest'
import { type Environment, readConfig } from '../../src/platform/config.ts'
import { type SettingName, settings } from '../../src/platform/config-keys.ts'
import { testEnvironment } from '../harness/hub.ts'

const kib = 1024
const mib = kib * kib

/** The limits that are shipped. Whoever changes one says so here, and in docs/testing.md. */
const shipped: readonly [name: SettingName, value: number, what: string][] = [
  ['SOCKET_FRAME_BYTES', 64 * kib, 'a frame of a socket'],
  ['REST_BODY_BYTES', 256 * kib, 'a JSON body'],
  ['WEBHOOK_BODY_BYTES', 4 * mib, 'a webhook, before and after unpacking'],
  ['SOCKET_COMMANDS_PER_SECOND', 20, 'commands of a socket'],
  ['SOCKET_COMMANDS_BURST', 60, 'commands of a socket at once'],
  ['SOCKET_USER_COMMANDS_PER_SECOND', 40, 'commands of a user'],
  ['SOCKET_TENANT_COMMANDS_PER_SECOND', 2000, 'commands of a tenant'],
  ['SOCKETS_PER_USER', 20, 'sockets of a user'],
  ['SOCKETS_PER_ADDRESS', 50, 'sockets of an address before sign-in'],
  ['SOCKET_HANDSHAKE_MS', 10_000, 'from connect to signed in'],
  ['SOCKET_BUFFER_BYTES', mib, 'unsent bytes of a socket'],
  ['SOCKET_BUFFER_MS', 30_000, 'unsent time of a socket'],
  ['SOCKET_PING_MS', 25_000, 'between two pings'],
  ['SOCKET_PONG_MS', 20_000, 'for the answer to a ping: who is gone is closed within 45 s'],
  ['SOCKET_RENEW_MS', 60_000, 'notice before the end of a token'],
  ['SOCKET_TRUST_MS', 60_000, 'until a right that was lost without an event is missed'],
  ['SOCKET_WATERMARK_MS', 10_000, 'between two positions that moved'],
  ['POLL_MS', 1000, 'between two looks for facts whose bell was lost'],
  ['DOORBELL_PING_MS', 5000, 'between two rings of a gateway to itself'],
  ['SWEEP_MS', 5000, 'between two looks for work whose nudge was lost'],
  ['SEND_LEASE_MS', 60_000, 'until a try of a worker that died is unknown'],
  ['MEDIA_LEASE_MS', 60_000, 'until a download of a worker that died is taken over'],
  ['SEND_ATTEMPTS', 8, 'tries at a message'],
  ['WEBHOOK_ATTEMPTS', 5, 'tries at a delivery'],
  ['MEDIA_ATTEMPTS', 6, 'tries at a file'],
  ['MEDIA_CONNECT_MS', 5000, 'for the answer of a media server'],
  ['MEDIA_IDLE_MS', 30_000, 'silence in a download'],
  ['SHUTDOWN_GRACE_MS', 20_000, 'from SIGTERM to gone'],
  ['REPLAY_PAGE', 500, 'events of one read'],
  ['REPLAY_EVENTS', 5000, 'missed events before a reset'],
  ['REPLAY_HOURS', 24, 'hours away before a reset'],
  ['JSON_DEPTH', 32, 'levels of JSON'],
  ['JSON_KEYS', 1000, 'members of an object'],
  ['JSON_ITEMS', 10_000, 'items of an array'],
  ['MEDIA_BYTES', 100 * mib, 'a file'],
  ['MEDIA_PIXELS', 40_000_000, 'pixels of a picture'],
  ['MEDIA_TOTAL_MS', 600_000, 'a download'],
  ['MEDIA_LINK_SECONDS', 300, 'life of a signed address'],
  ['JWT_MAX_AGE', 86_400, 'life of a token from its iat'],
  ['JWT_LEEWAY', 5, 'difference of clocks'],
  ['LOCAL_TOKEN_SECONDS', 900, 'life of a token of our own'],
  ['LOCAL_ATTEMPTS', 5, 'wrong passwords'],
  ['LOCAL_TENANTS_TRIED', 3, 'tenants of a sign-in that names none'],
  ['FAILED_AUTH_PER_MINUTE', 100, 'bad credentials of an address'],
  ['LOCAL_LOCK_SECONDS', 900, 'wait after them'],
  ['LOCAL_PASSWORD_LENGTH', 12, 'a password'],
]

const configOf = (more: Environment = {}) =>
  readConfig({ ...testEnvironment('postgres://127.0.0.1:1/x'), ...more })

test.each(shipped)('[LIM1] %s is %d unless said otherwise (%s)', (name, value) => {
  expect(configOf()[name]).toBe(value)
})

test('[LIM1] each of them is a setting: another value is taken', () => {
  for (const [name, value] of shipped) {
    const other = value > 1 ? value - 1 : value + 1
    expect(configOf({ [name]: String(other) })[name], name).toBe(other)
  }
})

test('[LIM1] what is no number, or none at all, is refused by name', () => {
  for (const [name] of shipped)
    for (const wrong of ['none', '-1', '1.5', '1e99', 'Infinity'])
      expect(() => configOf({ [name]: wrong }), `${name}=${wrong}`).toThrow(new RegExp(`${name}: `))
})

test('[LIM1] a limit can be read with its unit and a sentence', () => {
  for (const [name] of shipped) expect(settings[name].doc.length, name).toBeGreaterThan(10)
})
