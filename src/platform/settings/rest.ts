import { count, setting } from './setting.ts'

/** What REST takes. */
export const restSettings = {
  REST_BODY_BYTES: setting(count(256 * 1024), 'Largest JSON body.', { unit: 'bytes' }),
  REST_REQUEST_MS: setting(count(30_000), 'Longest time for a request to arrive.', { unit: 'ms' }),
  REST_RATE_PER_MINUTE: setting(count(1200), 'Requests per user or key and minute.'),
  REST_IP_RATE_PER_MINUTE: setting(count(6000), 'Requests per address and minute, before sign-in.'),
  JSON_DEPTH: setting(count(32), 'Deepest JSON.'),
  JSON_KEYS: setting(count(1000), 'Most keys of one object.'),
  JSON_ITEMS: setting(count(10_000), 'Longest array.'),
  IDEMPOTENCY_HOURS: setting(count(24), 'How long an Idempotency-Key is remembered.', { unit: 'h' }),
  LIST_LIMIT: setting(count(200), 'Most rows of a list.'),
  LIST_WALK: setting(
    count(50_000),
    'Most rows that a page of a list looks through for a frequent text; a page that ends there may be short.',
  ),
  BULK_ITEMS: setting(count(500), 'Most records of one bulk action.'),
  CUSTOM_FIELDS: setting(count(100), 'Most custom fields that one kind of record has.'),
  IMPORT_BYTES: setting(count(64 * 1024 * 1024), 'Largest file of an import.', { unit: 'bytes' }),
  IMPORT_ROWS: setting(count(250_000), 'Most rows of an import.'),
  IMPORT_COLUMNS: setting(count(250), 'Most columns of an import.'),
  IMPORT_CELL: setting(count(10_000), 'Longest cell of an import.', { unit: 'characters' }),
  IMPORT_ERRORS: setting(count(1000), 'Rows of an import of which it is kept what was wrong.'),
  IMPORT_BATCH: setting(count(100, 1, 1000), 'Rows of an import that one transaction writes.'),
  IMPORT_LEASE_MS: setting(
    count(15_000),
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
}
