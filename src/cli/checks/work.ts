import { decryptSecrets, type EncryptionConfig } from '../../domain/channels/secrets.ts'
import { listTenants } from '../../domain/tenants/find-tenant.ts'
import { readTenant } from '../../log/read-tenant.ts'
import type { Db } from '../../platform/db.ts'
import { spoken } from '../output.ts'
import { type Check, fail, look, ok, type Verdict, warn } from './check.ts'

const mostChannels = 100
/** Names in one sentence. */
const mostNamed = 5

/** A queue is looked after when its oldest row is younger than this. */
const inboxWarnSeconds = 30
const outboundWarnSeconds = 120
const mediaWarnSeconds = 600
/** Nobody takes anything from it any more. */
const failFactor = 20

type Look = (name: string, judge: () => Promise<Verdict>) => Promise<Check>
const lookAt: Look = (name, judge) => look('work', name, judge, 'run: switchboard migrate status')

/** Numbers that do not send, and what waits or got stuck, over all tenants. */
export function checkWork(db: Db, config: EncryptionConfig): Promise<Check[]> {
  return Promise.all([
    lookAt('numbers', () => judgeChannels(db)),
    lookAt('their secrets', () => judgeSecrets(db, config)),
    lookAt('webhooks', async () => {
      const { rows } = await db.read.query<{ oldest: number | null }>(
        'select oldest_seconds as oldest from inbox_backlog()',
      )
      return judgeAge(rows[0]?.oldest ?? null, inboxWarnSeconds)
    }),
    lookAt('sends', async () => {
      const { rows } = await db.read.query<{ oldest: number | null; unknown: number }>(
        'select oldest_seconds as oldest, unknown_messages as unknown from outbound_backlog()',
      )
      return judgeSends(rows[0]?.oldest ?? null, rows[0]?.unknown ?? 0)
    }),
    lookAt('files', async () => {
      const { rows } = await db.read.query<{ oldest: number }>('select oldest_pending_media() as oldest')
      return judgeAge(rows[0]?.oldest || null, mediaWarnSeconds)
    }),
    lookAt('stuck deliveries', async () => {
      const { rows } = await db.read.query<{ parked: number; quarantined: number }>(
        'select parked, quarantined from inbox_backlog()',
      )
      return judgeStuck(rows[0]?.parked ?? 0, rows[0]?.quarantined ?? 0)
    }),
  ])
}

export function judgeAge(oldestSeconds: number | null, warnSeconds: number): Verdict {
  if (oldestSeconds === null) return ok('nothing waits')
  const found = `the oldest waits for ${spoken(oldestSeconds)}`
  const advice = 'see whether workers run and what they log'
  if (oldestSeconds > warnSeconds * failFactor) return fail(found, advice)
  return oldestSeconds > warnSeconds ? warn(found, advice) : ok(found)
}

function judgeSends(oldest: number | null, unknown: number): Verdict {
  const age = judgeAge(oldest, outboundWarnSeconds)
  if (unknown === 0 || age.status === 'fail') return age
  return warn(
    `${age.found}; of ${unknown} nobody knows whether they went out`,
    'a later status settles them; agents see them and decide, nothing is sent twice by us',
  )
}

export function judgeStuck(parked: number, quarantined: number): Verdict {
  const found = `${parked} parked, ${quarantined} in quarantine`
  return parked + quarantined === 0 ? ok('none') : warn(found, 'look at them: switchboard redrive')
}

async function judgeChannels(db: Db): Promise<Verdict> {
  const { rows } = await db.read.query<{ slug: string; name: string; status: string; reason: string | null }>(
    `select tenant_slug as slug, name, status, stopped_reason as reason from stopped_channels($1)`,
    [mostChannels],
  )
  if (rows.length === 0) return ok('none is stopped')
  const names = rows.map(({ slug, name, status, reason }) => `${slug}/${name} (${reason ?? status})`)
  return warn(
    `${rows.length} do not send: ${names.join(', ')}`,
    'put the reason right, then POST /api/v1/channels/:id/verify',
  )
}

/** Whether the key that we were given opens what channels keep; one that does not stops their sends and webhooks. */
async function judgeSecrets(db: Db, config: EncryptionConfig): Promise<Verdict> {
  const closed: string[] = []
  let opened = 0
  for (const { id, slug } of await listTenants({ db })) {
    const channels = await readTenant({ db }, id, (query) =>
      query<{ name: string; secrets: Buffer }>(
        'select name, secrets from channels where tenant_id = $1 and deleted_at is null',
        [id],
      ),
    )
    for (const { name, secrets } of channels) {
      try {
        decryptSecrets(config, secrets)
        opened += 1
      } catch {
        closed.push(`${slug}/${name}`)
      }
    }
  }
  if (closed.length === 0) return ok(opened === 0 ? 'there are none' : `${opened} can be read`)
  return fail(
    `those of ${closed.slice(0, mostNamed).join(', ')}${closed.length > mostNamed ? ` and ${closed.length - mostNamed} more` : ''} cannot be read`,
    'give the key that they were kept with as ENCRYPTION_KEY or ENCRYPTION_KEY_PREVIOUS, or enter them anew',
  )
}
