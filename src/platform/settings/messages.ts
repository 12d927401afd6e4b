import { count, list, setting, text, webAddress } from './setting.ts'

/** Networks: what comes in from them, and what goes out. */
export const messageSettings = {
  // networks
  GRAPH_API_URL: setting(
    webAddress().default('https://graph.facebook.com/v23.0'),
    "Meta's Graph, with version.",
  ),
  EVOLUTION_API_URL: setting(webAddress().optional(), 'Evolution server of channels that name none.'),
  EVOLUTION_API_KEY: setting(text().optional(), 'Key for it.', { secret: true }),
  PROVIDER_TIMEOUT_MS: setting(count(30_000), 'Longest call to a network.', { unit: 'ms' }),
  MEDIA_HOSTS: setting(
    list(['lookaside.fbsbx.com']),
    'Hosts that media may be fetched from, besides the networks themselves.',
  ),

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
    count(2, 1, 100),
    'Transactions with webhooks that one worker process has under way at a time; few, because all share one database.',
  ),
  WEBHOOK_TOGETHER: setting(
    count(16, 1, 100),
    'Tenants whose webhooks are processed in one transaction, one channel of each; 1: each by itself.',
  ),
  WEBHOOK_TOGETHER_LOCK_MS: setting(
    count(200, 1),
    'How long such a transaction waits for a row that somebody else holds; then each channel goes its own way.',
    { unit: 'ms' },
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
    count(6000, 0),
    'Least time between two messages to one customer, after the burst of a pair, on networks that count them (Meta does); 0 paces none.',
    { unit: 'ms' },
  ),
  EVOLUTION_SEND_INTERVAL_MS: setting(count(1000, 0), 'Least time between two messages of a paired number.', {
    unit: 'ms',
  }),
  SEND_PAIR_BURST: setting(count(45), 'Messages to one customer that may go at once, in as many intervals.'),
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
}
