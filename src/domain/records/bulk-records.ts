import { z } from 'zod'
import { permit } from '../../auth/can.ts'
import { Failure } from '../../contract/errors.ts'
import { type BulkResult, bulkIds } from '../../contract/rest/bulk.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Doer } from '../audit/record-audit.ts'
import type { RecordKind, RecordRow, RecordView } from './record-kind.ts'
import { deleteRecord, restoreRecord, updateRecord } from './write-record.ts'

/** Something that is done to many records alike; `Input` is what it is told beside their ids. */
export interface BulkAction<Input = unknown> {
  readonly input: z.ZodRawShape
  /** Judges the input once, before any record. */
  readonly check?: (tx: TenantTx, input: Input) => Promise<void>
  readonly run: (tx: TenantTx, by: Doer, id: number, input: Input) => Promise<RecordView>
}

export type BulkActions = Readonly<Record<string, BulkAction>>

/** An action whose input its schema gives a type. */
export function bulkAction<Shape extends z.ZodRawShape>(
  action: BulkAction<z.infer<z.ZodObject<Shape>>> & { readonly input: Shape },
): BulkAction {
  return action as unknown as BulkAction
}

/** Members that say whose a record is. */
const owners = ['ownerId', 'assigneeId'] as const

/** What can be done to many records of every kind: delete and restore them, and assign them where they have an owner. */
export function commonActions<Row extends RecordRow, View extends RecordView>(
  kind: RecordKind<Row, View>,
): BulkActions {
  const owner = owners.find((member) => member in kind.members)
  return {
    delete: bulkAction({ input: {}, run: (tx, by, id) => deleteRecord(tx, kind, by, id, null) }),
    restore: bulkAction({ input: {}, run: (tx, by, id) => restoreRecord(tx, kind, by, id) }),
    ...(owner && {
      assign: bulkAction({
        input: { [owner]: z.uuid().toLowerCase().nullable() },
        run: (tx, by, id, input) => updateRecord(tx, kind, by, id, input, null),
      }),
    }),
  }
}

/** `{ids, action, …}`: one shape for each action. */
export function bulkBody(actions: BulkActions, most: number) {
  const ids = bulkIds(most)
  const [first, ...others] = Object.entries(actions).map(([name, { input }]) =>
    z.strictObject({ ids, action: z.literal(name), ...input }),
  )
  if (!first) throw new Error('there is nothing that can be done')
  return z.discriminatedUnion('action', [first, ...others])
}

/**
 * Does one thing to many records in one transaction. Each is judged, told and put into the trail as if it were the only
 * one; what fails leaves the others alone. Results are in the order of the ids.
 * Fails with `forbidden` where the role may never write such records, and with what the action says of its input.
 * Locks: the records in the order of their ids, so that two of these do not wait for each other.
 */
export async function bulkRecords<Row extends RecordRow, View extends RecordView>(
  tx: TenantTx,
  kind: RecordKind<Row, View>,
  by: Doer,
  action: BulkAction,
  { ids, input }: { readonly ids: readonly number[]; readonly input: unknown },
): Promise<BulkResult[]> {
  permit(by.actor, kind.rights.write)
  await action.check?.(tx, input)
  const results = new Map<number, BulkResult>()
  for (const id of ids.toSorted((one, other) => one - other)) {
    try {
      const { version } = await tx.attempt(() => action.run(tx, by, id, input))
      results.set(id, { id, ok: true, version })
    } catch (error) {
      // What is not about this record (a collision, a database that is away, a fault of ours) is for the whole.
      if (!(error instanceof Failure) || error.code === 'unavailable') throw error
      results.set(id, { id, ok: false, error: error.toBody() })
    }
  }
  return ids.flatMap((id) => results.get(id) ?? [])
}
