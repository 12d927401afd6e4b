import { createHash } from 'node:crypto'
import type { Request } from 'express'
import type { UserActor, KeyActor } from '../auth/actor.ts'
import { Failure } from '../contract/errors.ts'
import type { TenantTx } from '../log/tenant-tx.ts'
import { invalid } from './faults.ts'
import { Reply } from './reply.ts'

/** A key that a client gave to a POST so that it can ask again, and what it was given with. */
export interface IdempotencyKey {
  readonly actorId: string
  readonly key: string
  /** SHA-256 of method, path and body. */
  readonly fingerprint: Buffer
}

const keyShape = /^[\x21-\x7e]{1,255}$/

/** The Idempotency-Key of a POST, null without one. Keys are the caller's own: two users may use the same. */
export function readIdempotencyKey(request: Request, actor: UserActor | KeyActor): IdempotencyKey | null {
  const key = request.get('idempotency-key')
  if (key === undefined || request.method !== 'POST') return null
  if (!keyShape.test(key))
    throw invalid([
      { in: 'header', pointer: '/idempotency-key', message: 'expected 1 to 255 visible characters' },
    ])
  const path = request.originalUrl
  const fingerprint = createHash('sha256')
    .update(`POST ${path}\n${JSON.stringify(request.body ?? {})}`)
    .digest()
  return { actorId: `${actor.kind}:${actor.id}`, key, fingerprint }
}

interface Row {
  fingerprint: Buffer
  status: number
  body: string | null
  headers: Record<string, string>
}

type Query = Pick<TenantTx, 'query'>

/** The answer that this key got before; null when it is new. Fails with `idempotency_key_reused` for another request. */
export async function findAnswer(tx: Query, claim: IdempotencyKey, since: Date): Promise<Reply | null> {
  const [row] = await tx.query<Row>(
    `select fingerprint, status, body, headers from idempotency_keys
     where tenant_id = (select current_tenant()) and actor_id = $1 and key = $2 and created_at > $3 and status is not null`,
    [claim.actorId, claim.key, since],
  )
  if (!row) return null
  if (!row.fingerprint.equals(claim.fingerprint)) throw new Failure('idempotency_key_reused')
  return new Reply(row.status, row.body, { ...row.headers, 'idempotency-replayed': 'true' })
}

/**
 * Takes the key for this transaction; null when it is ours now, or the answer that it got before. A request with the
 * same key that is under way elsewhere is waited for: its transaction holds the row. Locks: the key's row, until commit.
 */
export async function claimKey(tx: TenantTx, claim: IdempotencyKey, since: Date): Promise<Reply | null> {
  const taken = await tx.query(
    `insert into idempotency_keys as k (tenant_id, actor_id, key, fingerprint, created_at) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, actor_id, key) do update
       set fingerprint = excluded.fingerprint, status = null, body = null, headers = null, created_at = excluded.created_at
       where k.created_at <= $6
     returning 1`,
    [tx.tenantId, claim.actorId, claim.key, claim.fingerprint, tx.now, since],
  )
  return taken.length > 0 ? null : findAnswer(tx, claim, since)
}

/** Keeps the answer with the key. The body is kept as a JSON text in JSON, so that a repeat gets the same bytes. */
export async function keepAnswer(tx: TenantTx, claim: IdempotencyKey, answer: Reply): Promise<void> {
  await tx.query(
    `insert into idempotency_keys (tenant_id, actor_id, key, fingerprint, status, body, headers, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (tenant_id, actor_id, key) do update
       set status = excluded.status, body = excluded.body, headers = excluded.headers
       where idempotency_keys.status is null and idempotency_keys.fingerprint = excluded.fingerprint`,
    [
      tx.tenantId,
      claim.actorId,
      claim.key,
      claim.fingerprint,
      answer.status,
      answer.keptText === null ? null : JSON.stringify(answer.keptText),
      JSON.stringify(answer.headers),
      tx.now,
    ],
  )
}
