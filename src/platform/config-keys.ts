import { z } from 'zod'

/** One setting: its shape with default, its unit where it has one, and a sentence for people. */
export interface Setting<T extends z.ZodType = z.ZodType> {
  readonly schema: T
  readonly unit?: string
  readonly doc: string
  /** May also be given as `NAME_FILE`, the path of a file with the value. Never printed. */
  readonly secret?: true
}

function setting<T extends z.ZodType>(
  schema: T,
  doc: string,
  more: { unit?: string; secret?: true } = {},
): Setting<T> {
  return { schema, doc, ...more }
}

const count = (standard: number, least = 1, most = 1_000_000_000) =>
  z.coerce.number().int().min(least).max(most).default(standard)
const list = (standard: string[]) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .default(standard)
const text = () => z.string().min(1)

/**
 * Every setting of every process, once. The README's table and `.env.example` are checked against this list.
 * A setting that is empty counts as not set.
 */
export const settings = {
  // where we listen
  NODE_ENV: setting(
    z.enum(['development', 'test', 'production']).default('development'),
    'What kind of installation this is.',
  ),
  PORT: setting(count(4000, 0, 65_535), 'Where the process listens; 0 picks a free port.'),
  HOST: setting(text().optional(), 'Address to listen on; 127.0.0.1, or 0.0.0.0 in production.'),
  BASE_PATH: setting(
    z
      .string()
      .regex(/^(\/[\w-]+)*$/, 'must look like /crmwhats')
      .default(''),
    'Prefix of every path.',
  ),
  PUBLIC_URL: setting(
    z.url().optional(),
    'The address that networks reach us at, used for webhook addresses.',
  ),
  TRUST_PROXY: setting(
    list([]),
    'Addresses of reverse proxies whose X-Forwarded-For we believe, comma-separated.',
  ),
  LOG_LEVEL: setting(
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    'Least level that is logged.',
  ),
  SHUTDOWN_GRACE_MS: setting(count(20_000), 'After SIGTERM the process is gone by then.', { unit: 'ms' }),
  SHUTDOWN_NOTICE_MS: setting(
    count(0, 0),
    'Between "not ready" and closing the door, so that balancers notice.',
    { unit: 'ms' },
  ),

  // servers
  DATABASE_URL: setting(
    z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    'PostgreSQL; embedded when not set. sslmode is honoured.',
    { secret: true },
  ),
  DATABASE_OWNER_URL: setting(
    z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    'The owner of our tables, for migrations; then DATABASE_URL is a login that owns nothing. Without it the app takes the role switchboard_app.',
    { secret: true },
  ),
  DATABASE_SCHEMA: setting(
    z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/)
      .default('public'),
    'Schema that holds our tables.',
  ),
  DATABASE_POOL: setting(count(10, 2, 500), 'Connections for writing and records, per process.'),
  DATABASE_READ_POOL: setting(
    count(5, 1, 500),
    'Connections for replays, apart so that a reconnect storm cannot stop writes.',
  ),
  DATABASE_WAIT_MS: setting(count(2000), 'Longest wait for a free connection.', { unit: 'ms' }),
  DATABASE_STATEMENT_MS: setting(count(15_000), 'Longest statement.', { unit: 'ms' }),
  DATABASE_LOCK_MS: setting(count(5000), 'Longest wait for a lock.', { unit: 'ms' }),
  REDIS_URL: setting(list([]), 'Redis; a comma-separated list is a cluster; embedded when not set.', {
    secret: true,
  }),
  REDIS_PREFIX: setting(
    z
      .string()
      .regex(/^\{[\w-]+\}$/)
      .default('{switchboard}'),
    'Prefix of our keys and channels; braces keep a queue on one node of a cluster.',
  ),
  S3_ENDPOINT: setting(z.url().optional(), 'MinIO or any S3; embedded when not set.'),
  S3_REGION: setting(text().default('us-east-1'), 'Region of the bucket.'),
  S3_ACCESS_KEY: setting(text().optional(), 'Access key.', { secret: true }),
  S3_SECRET_KEY: setting(text().optional(), 'Secret key.', { secret: true }),
  S3_BUCKET: setting(text().default('whats-attachments'), 'Private bucket for attachments.'),
  S3_PUBLIC_URL: setting(
    z.url().optional(),
    'Address of the store as browsers reach it, when it differs from S3_ENDPOINT.',
  ),
  S3_TIMEOUT_MS: setting(count(15_000), 'Longest silence of the object store.', { unit: 'ms' }),
  DATA_DIR: setting(text().default('.data'), 'Where embedded servers and generated secrets live.'),

  // identity
  JWT_SECRET: setting(list([]), 'HS256 secret; two while rotating; made in development.', { secret: true }),
  JWT_ISSUER: setting(list(['cms']), 'Allowed issuers.'),
  JWT_MAX_AGE: setting(count(86_400), 'Longest life of a token, from its iat.', { unit: 's' }),
  JWT_LEEWAY: setting(count(5, 0, 60), 'Clock difference that is forgiven.', { unit: 's' }),
  JWT_AUDIENCE: setting(
    list([]),
    'Tokens must name one of these as aud; when there is none here, aud is not looked at.',
  ),
  JWT_TENANT: setting(
    text().default('main'),
    "Tenant of tokens that name none, and of the platform's own staff, by slug.",
  ),
  JWT_ISSUER_TENANTS: setting(
    list([]),
    'Tenants of issuers that have one of their own instead, such as partner=acme, comma-separated.',
  ),
  SSO_COOKIE: setting(text().default('saubh_token'), "Cookie with the platform's token."),
  SSO_ISSUER: setting(text().default('saubh'), "Issuer of the platform's token."),
  CORS_ALLOWED_ORIGINS: setting(
    list(['http://localhost:3000', 'http://localhost:3001']),
    'Exact origins of browsers, for REST and the socket.',
  ),
  LOCAL_SIGN_IN: setting(
    z.enum(['off', 'on']).default('off'),
    'Sign-in of our own with e-mail and password; off where everybody comes from the platform.',
  ),
  LOCAL_ISSUER: setting(text().default('switchboard'), 'Issuer of the tokens of our own sign-in.'),
  LOCAL_TOKEN_SECONDS: setting(count(900, 1, 86_400), 'Life of a token of our own sign-in.', { unit: 's' }),
  LOCAL_SESSION_IDLE_HOURS: setting(count(72), 'A sign-in that was not renewed for so long is over.', {
    unit: 'h',
  }),
  LOCAL_SESSION_HOURS: setting(count(720), 'A sign-in is over after so long, however often it was renewed.', {
    unit: 'h',
  }),
  LOCAL_SESSIONS: setting(count(20), 'Sign-ins of one user at a time; one more ends the one unused longest.'),
  LOCAL_REFRESH_GRACE_SECONDS: setting(
    count(30, 0, 3600),
    'A refresh token that was replaced is good for so long, for answers that were lost and tabs that raced; later it ends the sign-in.',
    { unit: 's' },
  ),
  LOCAL_ATTEMPTS: setting(
    count(5),
    'Wrong passwords for one e-mail address from one address; then both wait.',
  ),
  LOCAL_ATTEMPTS_PER_EMAIL: setting(count(50), 'Wrong passwords for one e-mail address from anywhere.'),
  LOCAL_LOCK_SECONDS: setting(count(900), 'How long they wait, and how long tries are remembered.', {
    unit: 's',
  }),
  LOCAL_RATE_PER_MINUTE: setting(count(30), 'Sign-ins and renewals per address and minute.'),
  LOCAL_PASSWORD_LENGTH: setting(count(12, 8, 64), 'Shortest password.', { unit: 'characters' }),
  LOCAL_PASSWORD_TOKEN_HOURS: setting(
    count(72),
    'Life of the secret with which somebody who was invited, or forgot, sets their password.',
    { unit: 'h' },
  ),
  LOCAL_HASHES: setting(
    count(2, 1, 64),
    'Passwords of a process that are hashed at a time; each takes 32 MiB and a tenth of a second.',
  ),
  LOCAL_HASHES_WAITING: setting(
    count(64, 0),
    'Passwords that wait to be hashed; more are told to come back.',
  ),
  ENCRYPTION_KEY: setting(
    z
      .string()
      .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 bytes in base64')
      .optional(),
    "Encrypts channels' secrets at rest and what bells take along; made in development.",
    { secret: true },
  ),
  ENCRYPTION_KEY_PREVIOUS: setting(
    z
      .string()
      .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 bytes in base64')
      .optional(),
    'The key before, while rotating: what it encrypted stays readable.',
    { secret: true },
  ),

  // networks
  GRAPH_API_URL: setting(z.url().default('https://graph.facebook.com/v23.0'), "Meta's Graph, with version."),
  EVOLUTION_API_URL: setting(z.url().optional(), 'Evolution server of channels that name none.'),
  EVOLUTION_API_KEY: setting(text().optional(), 'Key for it.', { secret: true }),
  PROVIDER_TIMEOUT_MS: setting(count(30_000), 'Longest call to a network.', { unit: 'ms' }),
  MEDIA_HOSTS: setting(
    list(['lookaside.fbsbx.com']),
    'Hosts that media may be fetched from, besides the networks themselves.',
  ),

  // REST limits
  REST_BODY_BYTES: setting(count(256 * 1024), 'Largest JSON body.', { unit: 'bytes' }),
  REST_REQUEST_MS: setting(count(30_000), 'Longest time for a request to arrive.', { unit: 'ms' }),
  REST_RATE_PER_MINUTE: setting(count(1200), 'Requests per user or key and minute.'),
  REST_IP_RATE_PER_MINUTE: setting(count(6000), 'Requests per address and minute, before sign-in.'),
  JSON_DEPTH: setting(count(32), 'Deepest JSON.'),
  JSON_KEYS: setting(count(1000), 'Most keys of one object.'),
  JSON_ITEMS: setting(count(10_000), 'Longest array.'),
  IDEMPOTENCY_HOURS: setting(count(24), 'How long an Idempotency-Key is remembered.', { unit: 'h' }),
  LIST_LIMIT: setting(count(200), 'Most rows of a list.'),
  BULK_ITEMS: setting(count(500), 'Most records of one bulk action.'),
  CUSTOM_FIELDS: setting(count(100), 'Most custom fields that one kind of record has.'),
  IMPORT_BYTES: setting(count(64 * 1024 * 1024), 'Largest file of an import.', { unit: 'bytes' }),
  IMPORT_ROWS: setting(count(250_000), 'Most rows of an import.'),
  IMPORT_COLUMNS: setting(count(250), 'Most columns of an import.'),
  IMPORT_CELL: setting(count(10_000), 'Longest cell of an import.', { unit: 'characters' }),
  IMPORT_ERRORS: setting(count(1000), 'Rows of an import of which it is kept what was wrong.'),
  IMPORT_BATCH: setting(count(100, 1, 1000), 'Rows of an import that one transaction writes.'),
  IMPORT_LEASE_MS: setting(
    count(60_000),
    'An import without a sign of life for this long is taken over by another worker.',
    { unit: 'ms' },
  ),
  IMPORT_KEEP_DAYS: setting(count(90), 'How long an import that ended, or never started, can be looked at.', {
    unit: 'd',
  }),
  SAVED_VIEWS: setting(count(200), 'Most saved views of one person.'),
  DELETED_KEEP_DAYS: setting(
    count(90),
    'How long deleted records can be restored; then they are gone for good.',
    { unit: 'd' },
  ),
  PURGE_BATCH: setting(count(100, 1, 1000), 'Deleted records that one transaction does away with.'),
  REPORT_DAYS: setting(count(366), 'Longest period of a report.', { unit: 'd' }),
  DEAL_POSITION_LENGTH: setting(
    count(64, 16, 1000),
    'Longest key of a place on a board; when one would be longer, the deals around get new ones.',
    { unit: 'characters' },
  ),
  DEALS_PER_STAGE_MOVE: setting(
    count(1000),
    'Most deals that move on when their stage is deleted; with more of them it is refused.',
  ),
  TENANT_USERS: setting(
    count(1000),
    'Most people of a tenant who may come in, unless its operator says otherwise.',
  ),
  TENANT_TEAMS: setting(count(200), 'Most teams of a tenant, unless its operator says otherwise.'),
  TENANT_API_KEYS: setting(
    count(100),
    'Most keys of a tenant that are neither revoked nor over, unless its operator says otherwise.',
  ),
  TENANT_CHANNELS: setting(count(100), 'Most numbers of a tenant, unless its operator says otherwise.'),
  CONVERSATIONS_PER_TEAM_MOVE: setting(
    count(1000),
    'Most conversations that are handed on when their team is taken away; with more of them it is refused.',
  ),
  SYNC_CONVERSATIONS: setting(count(1000), 'Most conversations of a snapshot.'),

  // webhooks in
  WEBHOOK_BODY_BYTES: setting(count(4 * 1024 * 1024), 'Largest webhook, before and after unpacking.', {
    unit: 'bytes',
  }),
  WEBHOOK_JSON_DEPTH: setting(count(200), 'Deepest JSON of a webhook; real ones stay below 20.'),
  WEBHOOK_WAITING_BYTES: setting(
    count(128 * 1024 * 1024),
    'Webhooks that a process holds while they arrive and wait to be stored; one more is answered 503.',
    { unit: 'bytes' },
  ),
  WEBHOOK_ANSWER_MS: setting(
    count(10_000),
    'Longest wait for the database with a webhook; then it is answered 503 and comes again.',
    { unit: 'ms' },
  ),
  WEBHOOK_STRANGER_BYTES: setting(
    count(64 * 1024 * 1024),
    'Most bytes that are hashed, secret by secret, to find out who signed a webhook that names no number of ours.',
    { unit: 'bytes' },
  ),
  WEBHOOK_LANES: setting(
    count(3, 1, 100),
    'Channels whose deliveries one worker process works on at a time; few, because all share one database.',
  ),
  WEBHOOK_BATCH: setting(count(200), 'Deliveries of one channel in one transaction.'),
  WEBHOOK_BATCH_BYTES: setting(
    count(16 * 1024 * 1024),
    'Bytes of deliveries in one transaction; one delivery is always taken.',
    { unit: 'bytes' },
  ),
  WEBHOOK_ATTEMPTS: setting(count(5), 'Tries at one delivery before it is parked.'),
  WEBHOOK_KEEP_DAYS: setting(count(7), 'How long processed deliveries stay.', { unit: 'd' }),
  WEBHOOK_QUARANTINE_DAYS: setting(
    count(30),
    "How long deliveries that are nobody's wait for somebody to look.",
    {
      unit: 'd',
    },
  ),
  PARKED_UPDATE_HOURS: setting(count(24), 'How long news about an unknown message waits for it.', {
    unit: 'h',
  }),
  PARKED_UPDATES_PER_MESSAGE: setting(count(50), 'News that waits for one unknown message; the oldest goes.'),
  PARKED_UPDATES_PER_CHANNEL: setting(
    count(10_000),
    'News of one channel that waits for unknown messages; the oldest goes.',
  ),
  CHANNEL_FACT_BYTES: setting(
    count(80 * 1024, 1024),
    'Largest single fact about a number that is kept of what the network says; a QR code has up to 65538.',
    { unit: 'bytes' },
  ),
  TEMPLATES_PER_CHANNEL: setting(
    count(6000),
    'Most templates that are read of one number; a verified business can have 6000 names.',
  ),
  TEMPLATE_SYNC_HOURS: setting(
    count(24),
    "How often a number's list of templates is read from its network without a reason.",
    { unit: 'h' },
  ),
  CONVERSATION_LABELS: setting(count(50), 'Most labels of one conversation.'),
  CONVERSATION_REOPEN_HOURS: setting(
    count(168, 0),
    'A customer who writes again within this time reopens the resolved conversation.',
    { unit: 'h' },
  ),

  // messages out
  SEND_RATE_PER_SECOND: setting(count(60), 'Messages per number and second (Meta allows 80, in plus out).'),
  SEND_BURST: setting(count(60), 'Messages that may go at once after a pause.'),
  SEND_PAIR_INTERVAL_MS: setting(
    count(0, 0),
    'Least time between two messages to one customer, after the burst of a pair.',
    { unit: 'ms' },
  ),
  EVOLUTION_SEND_INTERVAL_MS: setting(count(1000, 0), 'Least time between two messages of a paired number.', {
    unit: 'ms',
  }),
  SEND_PAIR_BURST: setting(count(20), 'Messages to one customer that may go at once when pairs are paced.'),
  SEND_CONCURRENCY: setting(count(32), 'Calls to a network under way per number and process.'),
  SEND_RESERVED_PERCENT: setting(
    count(25, 0, 90),
    'Part of the rate and of the calls of a number that only live chat may use.',
    { unit: '%' },
  ),
  SEND_BREAKER_FAILURES: setting(
    count(5),
    'After this many calls of a number in a row without a clear answer, all its sends pause.',
  ),
  SEND_BREAKER_MS: setting(count(15_000), 'The first such pause; each one after it is twice as long.', {
    unit: 'ms',
  }),
  SEND_WAITING: setting(count(10_000), 'Sends of a process that wait to be queued; more are refused.'),
  SEND_ATTEMPTS: setting(count(8), 'Tries at one message.'),
  SEND_LEASE_MS: setting(
    count(60_000),
    'A try without outcome for this long is unknown; longer than PROVIDER_TIMEOUT_MS.',
    { unit: 'ms' },
  ),
  SEND_EXPIRES_HOURS: setting(count(24), 'A message that waited this long is not sent any more.', {
    unit: 'h',
  }),
  SEND_BATCH: setting(count(100), 'Sends that one transaction queues or claims.'),
  TEXT_CHARACTERS: setting(count(4096), 'Longest text.'),

  // media
  MEDIA_BYTES: setting(count(100 * 1024 * 1024), 'Largest file.', { unit: 'bytes' }),
  MEDIA_PIXELS: setting(count(40_000_000), 'Largest picture that gets a thumbnail.'),
  MEDIA_CONNECT_MS: setting(count(5000), 'Longest wait for a media server to answer.', { unit: 'ms' }),
  MEDIA_IDLE_MS: setting(count(30_000), 'Longest silence in a download.', { unit: 'ms' }),
  MEDIA_TOTAL_MS: setting(count(600_000), 'Longest download.', { unit: 'ms' }),
  MEDIA_ATTEMPTS: setting(count(6), 'Tries at one file.'),
  MEDIA_LEASE_MS: setting(
    count(60_000),
    'A download without a sign of life for this long is taken over by another worker.',
    { unit: 'ms' },
  ),
  MEDIA_CONCURRENCY: setting(count(4), 'Downloads under way per process.'),
  MEDIA_LINK_SECONDS: setting(count(300, 1, 300), 'Life of a signed address.', { unit: 's' }),
  MEDIA_UPLOAD_SECONDS: setting(count(900), 'Life of a signed upload.', { unit: 's' }),
  UPLOAD_KEEP_DAYS: setting(count(1), 'How long an upload that no message refers to stays in the store.', {
    unit: 'd',
  }),

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

  // parts of all in one
  RUN: setting(list(['gateway', 'rest', 'workers']), 'Which parts the all-in-one process runs.'),
  SIMULATOR_PORT: setting(
    count(0, 0, 65_535),
    'Where the simulated WhatsApp of `npm run demo` listens; 0 picks a free port.',
  ),
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof settings
export type ConfigValues = { [K in SettingName]: z.infer<(typeof settings)[K]['schema']> }
