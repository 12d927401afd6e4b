import { hash } from 'node:crypto'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { Failure } from '../../contract/errors.ts'
import type { Config } from '../../platform/config.ts'
import { Lane } from '../../platform/lane.ts'
import type { Logger } from '../../platform/logger.ts'
import { within } from '../../platform/within.ts'
import type { ProviderName } from '../../providers/port.ts'
import { type ChannelSecrets, decryptSecrets, type EncryptionConfig } from '../channels/secrets.ts'

/** A channel that a delivery may be for. Secrets are for the check at hand, never to be logged or answered with. */
export interface Owner {
  readonly tenantId: string
  readonly channelId: string
  readonly provider: ProviderName
  /** What the network calls the number. */
  readonly externalId: string
  /** The account of the number on the network; null when it has none. */
  readonly accountId: string | null
  /** null when we do not have the key that they were encrypted with. */
  readonly secrets: ChannelSecrets | null
  /** Of the secrets as they are stored, which is another one after every change; SHA-256, hex. */
  readonly secretsHash: string
  /** The tenant is not active: keep, but do not process. */
  readonly suspended: boolean
}

export interface FindDeps extends Pick<LogDeps, 'db'> {
  readonly config: EncryptionConfig & Pick<Config, 'DATABASE_STATEMENT_MS' | 'WEBHOOK_ANSWER_MS'>
  readonly log: Logger
}

interface Row {
  /** What it was found by. */
  wanted: string
  tenant_id: string
  channel_id: string
  provider: ProviderName
  external_id: string
  account_id: string | null
  secrets: Buffer
  tenant_status: string
}

const columns = 'c.tenant_id, c.channel_id, c.external_id, c.account_id, c.secrets, c.tenant_status'
const cloud = `'whatsapp-cloud' as provider`

/** How channels are found. In: an array of what is wanted. Out: a row per pair of what was wanted and a channel. Locks: none. */
const statements = {
  number: `select c.external_id as wanted, ${cloud}, ${columns} from channels_by_external_id('whatsapp-cloud', $1::text[]) c`,
  account: `select c.account_id as wanted, ${cloud}, ${columns} from channels_by_account_id('whatsapp-cloud', $1::text[]) c`,
  network: `select w.wanted, ${cloud}, ${columns} from unnest($1::text[]) w (wanted), channels_of_network('whatsapp-cloud', 10000) c`,
  key: `select w.wanted, c.provider, ${columns} from unnest($1::text[]) w (wanted), channel_by_webhook_key(w.wanted) c`,
} as const
type Way = keyof typeof statements

interface Lookup {
  readonly way: Way
  readonly wanted: readonly string[]
}

/** Cloud numbers by Meta's ids of them. What nobody has is not in the answer. Remembers those that may be expected. */
export async function ownersByNumber(deps: FindDeps, phoneNumberIds: readonly string[]): Promise<Owner[]> {
  const owners = await look(deps, { way: 'number', wanted: phoneNumberIds })
  const known = rememberedBy(deps)
  for (const id of phoneNumberIds) known.delete(id)
  for (const owner of owners) {
    if (owner.suspended || owner.secrets === null) continue
    if (known.size >= mostRemembered) known.clear()
    known.set(owner.externalId, owner)
  }
  return owners
}

const remembered = new WeakMap<LogDeps['db'], Map<string, Owner>>()
const mostRemembered = 10_000

function rememberedBy(deps: FindDeps): Map<string, Owner> {
  let known = remembered.get(deps.db)
  if (!known) {
    known = new Map()
    remembered.set(deps.db, known)
  }
  return known
}

/**
 * The numbers as they were when they were last looked up; undefined when one of them was not. Good for judging a delivery that is
 * then stored under the condition that its number still is as it was (`expects`), and for nothing else: what does not fit
 * must be looked up.
 */
export function rememberedOwners(deps: FindDeps, phoneNumberIds: readonly string[]): Owner[] | undefined {
  const known = rememberedBy(deps)
  const owners = phoneNumberIds.map((id) => known.get(id)).filter((owner) => owner !== undefined)
  return owners.length > 0 && owners.length === phoneNumberIds.length ? owners : undefined
}

/** Cloud numbers of these accounts; several, also of several tenants, may share one. */
export function ownersByAccount(deps: FindDeps, accountIds: readonly string[]): Promise<Owner[]> {
  return look(deps, { way: 'account', wanted: accountIds })
}

/** All Cloud numbers of the installation, the oldest 10,000, for what names none of them. */
export function ownersOfCloud(deps: FindDeps): Promise<Owner[]> {
  return look(deps, { way: 'network', wanted: ['all'] })
}

/** The channel with this webhook address, of whatever network. */
export async function ownerByKey(deps: FindDeps, key: string): Promise<Owner | undefined> {
  const [owner] = await look(deps, { way: 'key', wanted: [key] })
  return owner
}

const lanes = new WeakMap<LogDeps['db'], Lane<Way, Lookup, Owner[]>>()

/**
 * Fails with `unavailable` when the database does not answer within WEBHOOK_ANSWER_MS.
 *
 * What is remembered of a channel between requests never has the last word: a number that was connected, moved or cut off, a
 * new secret and a suspended tenant count from the next delivery on, in every process (HOOK4). All lookups of one kind that wait share one
 * statement, so a flood of deliveries, forged ones too, costs one connection per kind at most.
 */
async function look(deps: FindDeps, lookup: Lookup): Promise<Owner[]> {
  if (lookup.wanted.length === 0) return []
  let lane = lanes.get(deps.db)
  if (!lane) {
    lane = new Lane({
      keyOf: ({ way }: Lookup) => way,
      batch: 256,
      concurrency: Object.keys(statements).length,
      waiting: Number.MAX_SAFE_INTEGER,
      onFull: () => new Failure('unavailable'),
      isCommon: () => true,
      run: (way, lookups) => lookUp(deps, way, lookups),
    })
    lanes.set(deps.db, lane)
  }
  try {
    return await within(lane.submit(lookup), deps.config.WEBHOOK_ANSWER_MS)
  } catch (error) {
    throw new Failure('unavailable', {}, { cause: error })
  }
}

async function lookUp(deps: FindDeps, way: Way, lookups: readonly Lookup[]): Promise<Owner[][]> {
  const wanted = [...new Set(lookups.flatMap((lookup) => lookup.wanted))]
  const statement = {
    name: `owners by ${way}`,
    text: statements[way],
    values: [wanted],
    // Ends the wait for a server that is gone without a word.
    query_timeout: deps.config.DATABASE_STATEMENT_MS,
  }
  const { rows } = await deps.db.write.query<Row>(statement)
  const found = new Map<string, Owner[]>()
  for (const row of rows) {
    const owners = found.get(row.wanted)
    if (owners) owners.push(ownerOf(deps, row))
    else found.set(row.wanted, [ownerOf(deps, row)])
  }
  return lookups.map((lookup) => [...new Set(lookup.wanted)].flatMap((one) => found.get(one) ?? []))
}

function ownerOf(deps: FindDeps, row: Row): Owner {
  return {
    tenantId: row.tenant_id,
    channelId: row.channel_id,
    provider: row.provider,
    externalId: row.external_id,
    accountId: row.account_id,
    secrets: openedSecrets(deps, row),
    secretsHash: hash('sha256', row.secrets, 'hex'),
    suspended: row.tenant_status !== 'active',
  }
}

/** Opened secrets by what they look like encrypted, which is another one after every change. */
const opened = new Map<string, ChannelSecrets>()
const mostOpened = 10_000

function openedSecrets({ config, log }: FindDeps, row: Row): ChannelSecrets | null {
  const sealed = row.secrets.toString('base64')
  const known = opened.get(sealed)
  if (known) return known
  try {
    const secrets = decryptSecrets(config, row.secrets)
    if (opened.size >= mostOpened) opened.clear()
    opened.set(sealed, secrets)
    return secrets
  } catch (error) {
    log.error({ channelId: row.channel_id, reason: String(error) }, 'the secrets of a channel cannot be read')
    return null
  }
}
