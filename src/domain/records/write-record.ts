import { isDeepStrictEqual } from 'node:util'
import { Failure } from '../../contract/errors.ts'
import type { EventData, EventType } from '../../contract/events/catalogue.ts'
import type { OwnedPlace } from '../../log/scope.ts'
import { permit } from '../../auth/can.ts'
import { type ExpectedVersions, requireVersion } from '../../http/conditional.ts'
import { invalid } from '../../http/faults.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import { type Doer, recordAudit } from '../audit/record-audit.ts'
import { findRecord, lockRecord, requireReach } from './find-record.ts'
import { hearersOfRecord, losersOfRecord } from './hearers.ts'
import type { Change, RecordKind, RecordRow, RecordView } from './record-kind.ts'

type Kind<Row extends RecordRow, View extends RecordView> = RecordKind<Row, View>
type Values = Readonly<Record<string, unknown>>

/**
 * Makes a record from a whole input. Records `noun.created`.
 * Fails with `validation_failed` for what it refers to and is not there, and with `conflict`.
 */
export async function createRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  input: Values,
): Promise<View> {
  permit(by.actor, kind.rights.write)
  const change: Change<Row> = { before: null, values: input, by }
  const values = (await kind.prepare?.(tx, change)) ?? input
  const [made] = await asMembers(kind, () =>
    tx.query<{ id: number }>(
      `insert into ${kind.table} (tenant_id, created_at, updated_at, ${columnsOf(kind, values)})
       select $1, $2, $2, ${columnsOf(kind, values, 'v.')} from json_to_record($3) as v(${shapeOf(kind, values)}) returning id`,
      [tx.tenantId, tx.now, JSON.stringify(rowOf(kind, values))],
    ),
  )
  const id = made?.id ?? 0
  await kind.follow?.(tx, id, { ...change, values })
  return tellRecord(tx, kind, by, 'created', null, id)
}

/**
 * Changes members of a record that is not deleted. Records `noun.updated`, or what its kind calls the change; a change that
 * changes nothing leaves no trace.
 * Fails with `not_found`, `precondition_failed`, `validation_failed` or `conflict`.
 */
export async function updateRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  id: number,
  input: Values,
  expected: ExpectedVersions,
): Promise<View> {
  await kind.lockFirst?.(tx, id, input)
  const before = await lockPresent(tx, kind, by, id, expected)
  const change: Change<Row> = { before, values: input, by }
  const values = (await kind.prepare?.(tx, change)) ?? input
  const was = kind.present(before) as unknown as Values
  const changed = Object.fromEntries(
    Object.entries(values).filter(([member, value]) => !isDeepStrictEqual(was[member], value)),
  )
  if (Object.keys(changed).length === 0) return kind.present(before)
  const columns = Object.keys(rowOf(kind, changed))
  await asMembers(kind, () =>
    tx.query(
      `update ${kind.table} r set version = r.version + 1, updated_at = $3${columns.map((column) => `, ${column} = v.${column}`).join('')}
       from json_to_record($4) as v(${shapeOf(kind, changed) || 'nothing text'}) where r.tenant_id = $1 and r.id = $2`,
      [tx.tenantId, id, tx.now, JSON.stringify(rowOf(kind, changed))],
    ),
  )
  await kind.follow?.(tx, id, { ...change, values: changed })
  return tellRecord(tx, kind, by, 'updated', before, id)
}

/** Deletes a record softly. Records `noun.deleted`. Fails with `not_found` or `precondition_failed`. */
export async function deleteRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  id: number,
  expected: ExpectedVersions,
): Promise<View> {
  await kind.lockFirst?.(tx, id, { deletedAt: tx.now.toISOString() })
  const before = await lockPresent(tx, kind, by, id, expected)
  await kind.beforeDelete?.(tx, before, by)
  await setDeleted(tx, kind, id, tx.now)
  await kind.follow?.(tx, id, { before, values: { deletedAt: tx.now.toISOString() }, by })
  return tellRecord(tx, kind, by, 'deleted', before, id)
}

/** Brings a deleted record back; one that is there stays as it is. Records `noun.restored`. Fails with `not_found` or `conflict`. */
export async function restoreRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  id: number,
): Promise<View> {
  await kind.lockFirst?.(tx, id, { deletedAt: null })
  const before = await lockWritable(tx, kind, by, id)
  if (before.deleted_at === null) return kind.present(before)
  await kind.beforeRestore?.(tx, before, by)
  await asMembers(kind, () => setDeleted(tx, kind, id, null))
  await kind.follow?.(tx, id, { before, values: { deletedAt: null }, by })
  return tellRecord(tx, kind, by, 'restored', before, id)
}

/** As `lockWritable`, one that is not deleted and at a version that the caller named. Fails with `precondition_failed` too. */
async function lockPresent<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  id: number,
  expected: ExpectedVersions,
): Promise<Row> {
  const row = await lockWritable(tx, kind, by, id)
  if (row.deleted_at !== null) throw new Failure('not_found')
  requireVersion(expected, row)
  return row
}

/**
 * One record that the actor may write, deleted or not, locked until commit. Fails with `forbidden` where the role may never
 * write, with `not_found` for what is not there or not this actor's.
 */
export async function lockWritable<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  id: number,
): Promise<Row> {
  permit(by.actor, kind.rights.write)
  const row = await lockRecord(tx, kind, id)
  permit(by.actor, kind.rights.write, placeOf(kind, row))
  const { sight } = kind.rights
  if (sight) {
    if (!sight.sees(by.actor, row)) throw new Failure('not_found')
    sight.mayWrite(by.actor, row)
  }
  await requireReach(tx.query.bind(tx), by.actor, kind, kind.rights.write, id)
  return row
}

function placeOf<Row extends RecordRow, View extends RecordView>(
  { rights }: Kind<Row, View>,
  row: Row,
): OwnedPlace | undefined {
  return rights.owner && { ownerId: rights.owner.of(row) }
}

async function setDeleted(
  tx: TenantTx,
  kind: Pick<RecordKind, 'table'>,
  id: number,
  at: Date | null,
): Promise<void> {
  await tx.query(
    `update ${kind.table} set deleted_at = $3, version = version + 1, updated_at = $4 where tenant_id = $1 and id = $2`,
    [tx.tenantId, id, at, tx.now],
  )
}

type Verb = 'created' | 'updated' | 'deleted' | 'restored'

/**
 * Reads a record that was just written, announces it and puts it into the trail. For records that change along with the one
 * that was asked for, such as the stages behind one that moves.
 */
export async function tellRecord<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: Kind<Row, View>,
  by: Doer,
  verb: Verb,
  before: Row | null,
  id: number,
): Promise<View> {
  const row = await findRecord(tx.query.bind(tx), tx.tenantId, kind, id)
  if (!row) throw new Error(`a ${kind.noun} that was just written is not there`)
  const view = kind.present(row)
  const { event, action } = (verb === 'updated' && before !== null && kind.named?.(before, row)) || {
    event: `${kind.noun}.${kind.verbs?.[verb] ?? verb}` as EventType,
    action: `${kind.noun}.${actionOf[verb]}`,
  }
  const hearers = await hearersOfRecord(tx, kind.rights, row)
  for (const type of [event, ...(kind.also?.(before, row) ?? [])])
    tx.record(type, { [kind.noun]: view } as unknown as EventData<typeof type>, hearers)
  if (before !== null) await hide(tx, kind, before, row)
  recordAudit(tx, {
    by,
    action,
    entity: kind.noun,
    entityId: id,
    before: before === null ? null : kind.present(before),
    after: view,
  })
  return view
}

/** Whoever lost sight of it is told to forget it. */
async function hide<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  { noun, rights }: Kind<Row, View>,
  before: Row,
  row: Row,
): Promise<void> {
  const losers = rights.owner && (await losersOfRecord(tx, rights.owner, before, row))
  if (!losers) return
  const type = `${noun}.hidden` as EventType
  tx.record(
    type,
    { [`${noun}Id`]: row.id, version: row.version } as unknown as EventData<typeof type>,
    losers,
  )
}

const actionOf = { created: 'create', updated: 'update', deleted: 'delete', restored: 'restore' } as const

/** Values of members that have a column, by column; the others are for `prepare` and `follow`. */
function rowOf(kind: Pick<RecordKind, 'members'>, values: Values): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([member, value]) => {
      const column = kind.members[member]?.column
      return column === undefined ? [] : [[column, value]]
    }),
  )
}

function columnsOf(kind: Pick<RecordKind, 'members'>, values: Values, prefix = ''): string {
  return Object.keys(rowOf(kind, values))
    .map((column) => `${prefix}${column}`)
    .join(', ')
}

function shapeOf(kind: Pick<RecordKind, 'members'>, values: Values): string {
  return Object.keys(values)
    .flatMap((member) => {
      const found = kind.members[member]
      return found === undefined ? [] : [`${found.column} ${found.type}`]
    })
    .join(', ')
}

/** Turns what the database refuses into the fault of a member: it knows best what exists. */
async function asMembers<T>(kind: Pick<RecordKind, 'constraints'>, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const { code, constraint = '' } = error as { code?: string; constraint?: string }
    const member = kind.constraints[constraint]
    if (member === undefined) throw error
    if (code === '23505') throw new Failure('conflict', { member }, { cause: error })
    const message = code === '23503' ? 'there is no such record' : 'not allowed'
    throw invalid([{ in: 'body', pointer: `/${member}`, message }])
  }
}
