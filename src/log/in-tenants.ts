import { Failure } from '../contract/errors.ts'
import type { ActorView } from '../contract/events/define.ts'
import type { Connection } from '../platform/corked-client.ts'
import { rollBack } from '../platform/db.ts'
import { isUuid } from '../platform/uuid.ts'
import { appendTogetherAndCommit, isAftermath, writeTrail } from './append-and-commit.ts'
import { SharedConnection } from './shared-connection.ts'
import { type Asking, type LogDeps, TenantTx, tell, told } from './tenant-tx.ts'

/** Work for one tenant among several. */
export interface Share<T> {
  readonly tenantId: string
  readonly work: (tx: TenantTx) => Promise<T>
}

/**
 * Does the works of several tenants in one transaction, as `inTenant` does one: each sees the rows of its own tenant only, and
 * records its own events. All of it happens or nothing; so this is for works that can be done again one by one when it
 * fails, and that gain by sharing round trips, statements (`TenantTx.gather`) and a commit. Answers in the order of the shares, each
 * of another tenant.
 *
 * Trails and head rows are locked last, each in the order of the tenants' ids. Other locks of several tenants are held together, which two
 * such transactions may do in different orders; that ends, as does waiting for anybody else, after `lockMs`.
 */
export async function inTenants<T>(
  deps: LogDeps,
  shares: readonly Share<T>[],
  actor: ActorView,
  lockMs: number,
): Promise<T[]> {
  const tenants = shares.map(({ tenantId }) => tenantId)
  if (!tenants.every(isUuid)) throw new Failure('not_found')
  const client = await connect(deps)
  const shared = new SharedConnection(client, tenants, deps.db.role, lockMs)
  const now = deps.clock.now()
  const members = shares.map(({ tenantId, work }) => {
    const own = shared.of(tenantId)
    const parts = { tenantId, client: own, orm: deps.db.orm, actor, now, checkEvents: deps.checkEvents }
    return { own, work, tx: new TenantTx(parts) }
  })
  let broken: Error | undefined
  try {
    const results = await allOrNone(members)
    await shared.begun
    const news = await endTogether(deps, client, shared, members)
    for (const [place, { tx }] of members.entries()) tell(deps, tx, news[place])
    return results
  } catch (error) {
    shared.drop(error)
    const cause = await causeOf(error, shared, members)
    broken = await rollBack(client, cause)
    throw told(deps, cause)
  } finally {
    client.release(broken)
  }
}

async function connect(deps: LogDeps): Promise<Connection> {
  try {
    return (await deps.db.write.connect()) as Connection
  } catch (error) {
    throw told(deps, error)
  }
}

/** What failed first, of that or of what nobody waits for; whatever came behind it says only that something had failed. */
async function causeOf(
  error: unknown,
  shared: SharedConnection,
  members: readonly Member[],
): Promise<unknown> {
  const whyNotBegun = shared.begun.then(
    () => error,
    (why: unknown) => why,
  )
  const reasons = await Promise.all([whyNotBegun, ...members.map(({ tx }) => tx.reasonOf(error))])
  return reasons.find((reason) => !isAftermath(reason)) ?? error
}

interface Member {
  readonly own: Asking
  readonly tx: TenantTx
}

/** Appends and commits, behind everything that was asked. Fails with the first error. */
async function endTogether(
  { doorbell, metrics }: LogDeps,
  client: Connection,
  shared: SharedConnection,
  members: readonly Member[],
): Promise<(string | undefined)[]> {
  const inOrder = members.toSorted((one, other) => (one.tx.tenantId < other.tx.tenantId ? -1 : 1))
  shared.send()
  const trails = inOrder.map(({ own, tx }) => tx.trail.length > 0 && writeTrail(own, tx))
  shared.send()
  shared.seeAll()
  const txs = members.map(({ tx }) => tx)
  const [news] = await Promise.all([
    appendTogetherAndCommit(client, txs, doorbell.newsBytes, metrics),
    ...txs.map((tx) => tx.settled()),
    ...trails,
  ])
  return news
}

/**
 * What each of the works answers. Once one has failed none of them asks anything any more; why it did is why all do, because
 * what the others run into then says only that something has failed.
 */
async function allOrNone<T>(
  members: readonly { readonly tx: TenantTx; readonly work: (tx: TenantTx) => Promise<T> }[],
): Promise<T[]> {
  const end = (): void => {
    for (const { tx } of members) tx.end()
  }
  const failures: unknown[] = []
  const works = members.map(async ({ tx, work }) => {
    try {
      const result = await work(tx)
      await tx.flush()
      tx.checkRun()
      return result
    } catch (error) {
      end()
      failures.push(await tx.reasonOf(error))
      throw error
    }
  })
  await Promise.allSettled(works)
  end()
  if (failures.length > 0) throw failures.find((failure) => !isAftermath(failure)) ?? failures[0]
  return Promise.all(works)
}
