import type { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import type { Action } from '../../auth/can.ts'
import type { CustomFieldEntity } from '../../contract/crm/custom-field.ts'
import type { EventType } from '../../contract/events/catalogue.ts'
import type { OwnedAction, Scope } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { StatementPlan } from '../../platform/db.ts'
import type { Doer } from '../audit/record-audit.ts'
import type { SortType } from './sort-keys.ts'

/** `plan`: see `statement` in src/platform/db.ts. */
export type Query = <Row extends object>(
  text: string,
  values?: readonly unknown[],
  plan?: StatementPlan,
) => Promise<Row[]>

/** What every table of records has. Timestamps are ISO text. */
export interface RecordRow {
  id: number
  version: number
  created_at: string
  updated_at: string
  deleted_at: string | null
}

export interface RecordView {
  readonly id: number
  readonly version: number
  readonly deletedAt: string | null
}

/** A column that people write, by the name of its member on the wire. */
export interface Column {
  readonly column: string
  /** As Postgres calls it, for reading it out of JSON. */
  readonly type: string
}

/** Puts a value among a statement's parameters and answers with its place, `$3`. */
export type Bind = (value: unknown) => string

/** A condition on `r` that very many rows meet and no index finds: judged row by row, along the list's own order. */
export interface Walk {
  readonly walk: (bind: Bind) => string
}

/**
 * One filter of a list: what its text in the query may be, and the condition on `r` alone that it makes. `actor` is who asks;
 * `query` is for what has to be looked up first.
 */
export interface Filter<Value = unknown> {
  readonly schema: z.ZodType<Value>
  readonly where: (
    value: Value,
    bind: Bind,
    actor: Actor,
    query: Query,
  ) => string | Walk | Promise<string | Walk>
  /** Where it asks for records of people (`me`, `none`, ids): the column of `r` that says whose they are. */
  readonly person?: string
  /** Whether `where` uses `query`, or gives a walk. */
  readonly looksUp?: true
}

/**
 * What a list can be sorted by: an expression on `r` that is never null, so that pages neither skip nor repeat, with an index
 * on (tenant_id, it, id). It must be leakproof for a page deep in the list to begin where it is: a column, or CASE, and
 * neither lower() nor coalesce().
 */
export interface Sort {
  readonly sql: string
  /** For comparing with what a cursor says. */
  readonly type: SortType
  readonly order: 'asc' | 'desc'
}

/** What is about to be written, in the transaction that does it. */
export interface Change<Row> {
  /** The row as it is, locked; null for a new one. */
  readonly before: Row | null
  /** Members and their new values. */
  readonly values: Readonly<Record<string, unknown>>
  readonly by: Doer
}

/** Ids of what a record is about, where that has a place. */
interface Subjects {
  readonly contactId: number | null
  readonly conversationIds: readonly string[]
  /** A deal, whose conversations count too; and whose contact does when there is no other. */
  readonly dealId: number | null
}

/**
 * Who may do what with records of a kind. Without `owner` the whole tenant sees them, and whoever may write may write all
 * of them; with it, whose a record is decides (can.ts), in lists and events alike.
 */
export interface Rights<Row> {
  readonly read: Action
  readonly write: Action
  readonly owner?: {
    readonly column: string
    readonly of: (row: Row) => string | null
    readonly read: OwnedAction
    /** Of those that are nobody's, what they are about decides. Left out: everybody sees them. */
    readonly subjects?: {
      readonly of: (row: Row) => Subjects
      /** The condition on `r` that nothing of it is out of the actor's sight; `true` when nothing can be. */
      readonly inSight: (actor: Actor, action: Action, bind: Bind) => string
    }
  }
  /** Where neither says it: what the record is about decides. */
  readonly sight?: Sight<Row>
  /** Where no row says it: other tables decide, which are asked. */
  readonly reach?: Reach<Row>
}

/** Who sees a record, in the two forms that lists (and single records) and events need; both must say the same. */
export interface Reach<Row> {
  /** The condition on `r`; `true` when the actor sees all. */
  readonly where: (actor: Actor, bind: Bind) => string
  readonly hearers: (row: Row) => Scope
}

/** Who sees a record, in the three forms that lists, single records and events need; all must say the same. */
export interface Sight<Row> {
  /** The condition on `r` for lists. */
  readonly where: (actor: Actor, bind: Bind) => string
  readonly sees: (actor: Actor, row: Row) => boolean
  /** Fails with `forbidden` when somebody who sees it may not change it. */
  readonly mayWrite: (actor: Actor, row: Row) => void
  readonly hearers: (row: Row) => Scope
}

/** What a change is called in the log (`activity.completed`) and in the trail (`activity.complete`). */
export interface NamedChange {
  readonly event: EventType
  readonly action: string
}

/** What `include` can name: what a member refers to (src/domain/records/include-records.ts). */
export type IncludeName =
  | 'owner'
  | 'assignee'
  | 'author'
  | 'mentions'
  | 'tags'
  | 'customer'
  | 'contact'
  | 'pipeline'
  | 'stage'
  | 'deal'
  | 'conversation'
  | 'conversations'

/**
 * A kind of record that people keep over REST, such as customers. All of them are listed, read, changed, deleted and
 * restored in the same way (src/domain/records); what is special stands in the kind.
 */
export interface RecordKind<Row extends RecordRow = RecordRow, View extends RecordView = RecordView> {
  /** Of its events (`customer.created`) and in the trail. */
  readonly noun:
    | 'customer'
    | 'contact'
    | 'deal'
    | 'activity'
    | 'note'
    | 'tag'
    | 'pipeline'
    | 'pipeline_stage'
    | 'custom_field'
    | 'saved_view'
  /** Under /admin. */
  readonly path: string
  readonly table: string
  /** The columns of a Row, for `select … from table r` with the joins. */
  readonly select: string
  readonly joins: string
  readonly members: Readonly<Record<string, Column>>
  /** What `present` makes. */
  readonly view: z.ZodType<View>
  /** A whole record, every optional member with its default: POST and PUT. */
  readonly whole: z.ZodType<Record<string, unknown>>
  /** Any of its members, without defaults: PATCH. */
  readonly part: z.ZodType<Record<string, unknown>>
  readonly filters: Readonly<Record<string, Filter>>
  readonly sorts: Readonly<Record<string, Sort>>
  /** Name of the sort that counts when none is asked for. */
  readonly sortedBy: string
  /** As what its custom fields are defined, where it has some; its lists are filtered by them (`cf`). */
  readonly customFields?: CustomFieldEntity
  /** What lists and single records may bring along. */
  readonly includes?: readonly IncludeName[]
  readonly present: (row: Row) => View
  readonly rights: Rights<Row>
  /** Member that a foreign key, unique index or check is about, by the constraint's name. */
  readonly constraints: Readonly<Record<string, string>>
  /** What its events are called when they are not called `created` and so on (`note.added`). */
  readonly verbs?: Partial<Readonly<Record<'created' | 'updated' | 'deleted' | 'restored', string>>>
  /** A change that has a name of its own (`deal.won`): its event and what the trail calls it, instead of `noun.updated`. */
  readonly named?: (before: Row, after: Row) => NamedChange | undefined
  /** Facts that are recorded with the record beside that: a deal that moved (`deal.moved`) was also won (`deal.won`). */
  readonly also?: (before: Row | null, after: Row) => readonly EventType[]
  /** Judges and completes what is about to be written; what it returns is written instead of the values. */
  readonly prepare?: (tx: TenantTx, change: Change<Row>) => Promise<Readonly<Record<string, unknown>>>
  /**
   * Takes locks that come before the one on the row of a change, so that changes of neighbours do not wait for each other in a
   * circle. The values are those that are asked for; of a deletion or a return, `deletedAt` alone. Judges nothing.
   */
  readonly lockFirst?: (tx: TenantTx, id: number, values: Readonly<Record<string, unknown>>) => Promise<void>
  /** Judges and prepares a deletion or a return, with the row locked; a failure stops it. */
  readonly beforeDelete?: (tx: TenantTx, row: Row, by: Doer) => Promise<void>
  readonly beforeRestore?: (tx: TenantTx, row: Row, by: Doer) => Promise<void>
  /**
   * Writes what is in other tables, before the record is read again for its event. Of a deletion or a return the values are
   * `deletedAt` alone.
   */
  readonly follow?: (tx: TenantTx, id: number, change: Change<Row>) => Promise<void>
}
