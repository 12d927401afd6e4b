import { count, setting } from './setting.ts'

/** The log, and the sockets that hear it. */
export const liveSettings = {
  // the log
  LOG_KEEP_DAYS: setting(count(30), 'How long events stay.', { unit: 'd' }),
  REPLAY_EVENTS: setting(count(5000), 'A client that missed more starts from a snapshot.'),
  REPLAY_HOURS: setting(count(24), 'A client that was away longer starts from a snapshot.', { unit: 'h' }),
  REPLAY_PAGE: setting(count(500, 1, 1000), 'Events per read.'),
  POLL_MS: setting(
    count(1000),
    'How often heads are read when no bell rings; 2000 at most keeps the promise GW6.',
    { unit: 'ms' },
  ),
  SWEEP_MS: setting(count(5000), 'How often workers look for work whose nudge was lost.', { unit: 'ms' }),
  DOORBELL_PING_MS: setting(
    count(5000),
    'How often a gateway rings itself to see that the bell still works.',
    { unit: 'ms' },
  ),
  DOORBELL_NEWS_BYTES: setting(
    count(32 * 1024, 0, 1024 * 1024),
    'Largest commit that a bell takes along, sealed, so that gateways need not read it; 0: none.',
    { unit: 'bytes' },
  ),

  // the socket
  SOCKET_FRAME_BYTES: setting(count(64 * 1024), 'Largest frame from a client.', { unit: 'bytes' }),
  SOCKET_COMMANDS_PER_SECOND: setting(count(20), 'Commands of one socket, on average.'),
  SOCKET_COMMANDS_BURST: setting(count(60), 'Commands of one socket at once.'),
  SOCKET_USER_COMMANDS_PER_SECOND: setting(count(40), 'Commands of all sockets of one user on an instance.'),
  SOCKET_TENANT_COMMANDS_PER_SECOND: setting(count(2000), 'Commands of one tenant on an instance.'),
  SOCKETS_PER_USER: setting(count(20), 'Open sockets of one user on an instance.'),
  SOCKETS_PER_ADDRESS: setting(count(50), 'Sockets of one address that have not signed in.'),
  SOCKET_HANDSHAKE_MS: setting(count(10_000), 'From connect to signed in.', { unit: 'ms' }),
  SOCKET_BUFFER_BYTES: setting(count(1024 * 1024), 'Unsent bytes after which a session is slow.', {
    unit: 'bytes',
  }),
  SOCKET_BUFFER_MS: setting(count(30_000), 'Unsent time after which a session is slow.', { unit: 'ms' }),
  SOCKET_PING_MS: setting(count(25_000), 'Between two pings.', { unit: 'ms' }),
  SOCKET_PONG_MS: setting(count(20_000), 'Longest wait for the answer to a ping.', { unit: 'ms' }),
  SOCKET_WATERMARK_MS: setting(count(10_000), 'A position is told at least this often when it moved.', {
    unit: 'ms',
  }),
  SOCKET_RENEW_MS: setting(count(60_000), "Before a token's end the client is asked for a new one.", {
    unit: 'ms',
  }),
  SOCKET_REPLAYS: setting(count(64), 'Replays from the database under way per instance.'),
  SOCKET_TAIL_EVENTS: setting(count(2000), 'Events per tenant that a gateway keeps in memory.'),
  SOCKET_TAIL_BYTES: setting(
    count(128 * 1024 * 1024),
    'Memory of a gateway for recent events, over all tenants.',
    { unit: 'bytes' },
  ),
  SOCKET_VIEWS: setting(count(20), 'Conversations that one socket can have on screen.'),
  SOCKET_RECONNECT_SPREAD_MS: setting(
    count(20_000),
    'Clients of an instance that goes away come back within this time.',
    { unit: 'ms' },
  ),
  SOCKET_TRUST_MS: setting(count(60_000), 'How often the right of an open socket is looked up again.', {
    unit: 'ms',
  }),
}
