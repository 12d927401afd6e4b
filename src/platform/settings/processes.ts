import { z } from 'zod'
import { count, list, setting, text, webAddress } from './setting.ts'

/** Where processes listen, and the servers that they use. */
export const processSettings = {
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
    webAddress().optional(),
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
  S3_ENDPOINT: setting(webAddress().optional(), 'MinIO or any S3; embedded when not set.'),
  S3_REGION: setting(text().default('us-east-1'), 'Region of the bucket.'),
  S3_ACCESS_KEY: setting(text().optional(), 'Access key.', { secret: true }),
  S3_SECRET_KEY: setting(text().optional(), 'Secret key.', { secret: true }),
  S3_BUCKET: setting(text().default('whats-attachments'), 'Private bucket for attachments.'),
  S3_PUBLIC_URL: setting(
    webAddress().optional(),
    'Address of the store as browsers reach it, when it differs from S3_ENDPOINT.',
  ),
  S3_TIMEOUT_MS: setting(count(15_000), 'Longest silence of the object store.', { unit: 'ms' }),
  DATA_DIR: setting(text().default('.data'), 'Where embedded servers and generated secrets live.'),

  // parts of all in one
  RUN: setting(list(['gateway', 'rest', 'workers']), 'Which parts the all-in-one process runs.'),
  SIMULATOR_PORT: setting(
    count(0, 0, 65_535),
    'Where the simulated WhatsApp of `npm run demo` listens; 0 picks a free port.',
  ),
}
