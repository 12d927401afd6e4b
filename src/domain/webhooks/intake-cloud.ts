import { setImmediate as nextTurn } from 'node:timers/promises'
import { Failure } from '../../contract/errors.ts'
import type { Config } from '../../platform/config.ts'
import { signatureFits } from '../../providers/signature.ts'
import { routesOf } from '../../providers/whatsapp-cloud/routes-of.ts'
import {
  type FindDeps,
  type Owner,
  ownersByAccount,
  ownersByNumber,
  ownersOfCloud,
  rememberedOwners,
} from './find-owners.ts'
import { jsonOf } from './intake-body.ts'
import type { Delivery } from './store-deliveries.ts'

export interface CloudDeps extends FindDeps {
  readonly config: FindDeps['config'] & Pick<Config, 'WEBHOOK_JSON_DEPTH' | 'WEBHOOK_STRANGER_BYTES'>
}

/**
 * Whose a signed delivery of Meta is: one for each number that it concerns and whose own app secret signed it. The secret
 * of one tenant's app opens no other tenant's number, whatever the body names (HOOK3). What it names beside that, or what
 * nobody has, is kept once in quarantine (HOOK5).
 *
 * What a stranger can make us do comes in the order of its price: a scan for the ids that stand in the bytes, a lookup, a
 * hash; JSON is read only when the signature is somebody's.
 * Fails with `signature_invalid`, `malformed_json`, `validation_failed` (too deep) or `unavailable`.
 */
export async function judgeCloudDelivery(
  deps: CloudDeps,
  body: Buffer,
  signature: string,
): Promise<Delivery[]> {
  const signed = new Signed(body, signature)
  const hinted = hintedNumbers(body)
  const candidates = await ownersByNumber(deps, hinted)
  if (candidates.length > 0) {
    if (!candidates.some((owner) => signed.by(owner))) throw refusal(candidates)
  } else if (!(await isSignedByAnybody(deps, signed))) throw new Failure('signature_invalid')

  const { phoneNumberIds, wabaIds } = routesOf(jsonOf(body, deps.config))
  const numbers = sameIds(phoneNumberIds, hinted) ? candidates : await ownersByNumber(deps, phoneNumberIds)
  const accounts = await ownersByAccount(deps, wabaIds)
  const named = [...numbers, ...accounts]
  const owners = new Map(named.filter((owner) => signed.by(owner)).map((owner) => [owner.channelId, owner]))
  // Somebody's numbers, and not one of them is the signer's: to the owners this is a forgery.
  if (named.length > 0 && owners.size === 0) throw refusal(named)

  const deliveries = [...owners.values()].map((owner) => deliveryFor(owner, body))
  const reason = strayReason(
    phoneNumberIds.filter((id) => !numbers.some((owner) => owner.externalId === id && signed.by(owner))),
    wabaIds.filter((id) => !accounts.some((owner) => owner.accountId === id && signed.by(owner))),
    deliveries.length === 0,
  )
  if (reason !== null)
    deliveries.push({ provider: 'whatsapp-cloud', body, owner: null, quarantine: reason, signature })
  return deliveries
}

/**
 * The same without asking the database, for a delivery that names nothing but numbers that are remembered and that their own apps
 * signed: nearly all. The condition that they still are as they were goes along and is judged where it is stored; when they
 * are not (`Outdated`), and for all other deliveries (undefined), judge them with `judgeCloudDelivery`.
 */
export function judgeFromMemory(deps: CloudDeps, body: Buffer, signature: string): Delivery[] | undefined {
  const signed = new Signed(body, signature)
  const hinted = hintedNumbers(body)
  const owners = rememberedOwners(deps, hinted)
  if (!owners?.every((owner) => signed.by(owner))) return undefined
  const { phoneNumberIds, wabaIds } = routesOf(jsonOf(body, deps.config))
  if (wabaIds.length > 0 || !sameIds(phoneNumberIds, hinted)) return undefined
  return owners.map((owner) => ({
    ...deliveryFor(owner, body),
    expects: { externalId: owner.externalId, secretsHash: owner.secretsHash },
  }))
}

/** A delivery for a channel; of a suspended tenant it is kept until that is over. */
export function deliveryFor({ provider, tenantId, channelId, suspended }: Owner, body: Buffer): Delivery {
  return {
    provider,
    body,
    owner: { tenantId, channelId },
    quarantine: suspended ? 'tenant_suspended' : null,
  }
}

/** A body and its signature; each secret is tried once. */
class Signed {
  readonly body: Buffer
  readonly #signature: string
  readonly #verdicts = new Map<string, boolean>()

  constructor(body: Buffer, signature: string) {
    this.body = body
    this.#signature = signature
  }

  by({ secrets }: Owner): boolean {
    const secret = secrets?.['appSecret']
    if (secret === undefined) return false
    let fits = this.#verdicts.get(secret)
    if (fits === undefined) {
      fits = signatureFits(this.body, this.#signature, secret)
      this.#verdicts.set(secret, fits)
    }
    return fits
  }
}

/** Channels whose secrets we cannot read say nothing about a signature: then the network must come again. */
function refusal(owners: readonly Owner[]): Failure {
  return owners.some(({ secrets }) => secrets === null)
    ? new Failure('unavailable', {}, { cause: new Error('the secrets of a channel cannot be read') })
    : new Failure('signature_invalid')
}

/**
 * Whether an app of any number of the installation signed it: one of a number that is not connected (yet), or news of an
 * account. Each app costs a hash of the whole body, so at most WEBHOOK_STRANGER_BYTES are hashed, with pauses.
 */
async function isSignedByAnybody(deps: CloudDeps, signed: Signed): Promise<boolean> {
  const owners = await ownersOfCloud(deps)
  const apps = new Map(owners.map((owner) => [owner.secrets?.['appSecret'], owner]))
  let hashed = 0
  for (const owner of apps.values()) {
    hashed += signed.body.length
    if (hashed > deps.config.WEBHOOK_STRANGER_BYTES) return false
    if (signed.by(owner)) return true
    await nextTurn()
  }
  return false
}

const member = Buffer.from('"phone_number_id"')
const idBehind = /^\s{0,20}:\s{0,20}"(\d{1,32})"/
const longestBehind = 80
/** A delivery names one number, rarely a few. */
const mostHints = 100

/** Ids of numbers that stand in these bytes, found without reading JSON. Only a hint: whose secret to try first. */
function hintedNumbers(body: Buffer): string[] {
  const ids = new Set<string>()
  for (let at = body.indexOf(member); at !== -1 && ids.size < mostHints; at = body.indexOf(member, at + 1)) {
    const start = at + member.length
    const id = idBehind.exec(body.toString('latin1', start, start + longestBehind))?.[1]
    if (id !== undefined) ids.add(id)
  }
  return [...ids]
}

function sameIds(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((id) => others.includes(id))
}

const longestReason = 200

/** Why a part of a delivery is nobody's here; null when none is. */
function strayReason(
  numbers: readonly string[],
  accounts: readonly string[],
  isNobodys: boolean,
): string | null {
  const named = [
    ...(numbers.length > 0 ? [`number ${numbers.join(', ')}`] : []),
    ...(accounts.length > 0 ? [`account ${accounts.join(', ')}`] : []),
  ]
  if (named.length > 0)
    return `not of a channel that its signer owns: ${named.join('; ')}`.slice(0, longestReason)
  return isNobodys ? 'names neither a number nor an account' : null
}
