import type { CustomFieldEntity } from '../../contract/crm/custom-field.ts'
import type { ImportView } from '../../contract/crm/import.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { RecordKind, RecordRow, RecordView } from '../records/record-kind.ts'
import type { FileColumn, Known } from './file-columns.ts'
import type { RowInput } from './read-row.ts'

export type UpsertKey = Exclude<ImportView['upsertKey'], 'none'>

/** What a dry run keeps of the records that its rows would change, for the rows behind them. */
export interface Drafting {
  /** Tables that a row writes and that decide about rows behind it, with their column for the record's id; its own first. */
  readonly tables: Readonly<Record<string, string>>
  /** By what a row of a file with this upsert key can meet record `r`: SQL, an array of texts. Null: by nothing. */
  readonly keysOfRecord: (upsertKey: ImportView['upsertKey']) => string | null
  /** By what rows can meet records; the same texts. */
  readonly keysOfRows: (
    tx: TenantTx,
    upsertKey: ImportView['upsertKey'],
    rows: readonly RowInput[],
  ) => Promise<readonly string[]>
  /** Members of the kept row of the record's own table that are kept differently: SQL over `r`, an object. */
  readonly keptAs?: string
  /** Makes room for kept rows among the records `$2`, so that they do not stand in each other's way while they come. */
  readonly makeRoom?: string
}

/** How records of a kind go out as a file and come in as one. */
export interface FileKind<Row extends RecordRow = RecordRow, View extends RecordView = RecordView> {
  readonly kind: RecordKind<Row, View> & { readonly noun: CustomFieldEntity }
  /** All columns, in the order of an export. */
  readonly columns: (known: Known) => FileColumn<View>[]
  /** The column that a file needs to make records. */
  readonly needed: string
  /**
   * Conditions on the table that find what a row changes, by upsert key; `$2` is the text of its cell as it is kept. Ids that
   * another table or a function knows come as an array: of a set whose size it cannot know the server believes that many
   * match, and walks the table from its beginning to the first (170 rows a second after 20,000, instead of 2,400).
   */
  readonly found: Partial<Readonly<Record<UpsertKey, string>>>
  /** Locks of a batch that come before those of its records. */
  readonly lockFirst?: (tx: TenantTx) => Promise<void>
  readonly drafting: Drafting
  /** Completes what a row says by more than one of its cells, or says what is wrong with it. */
  readonly complete?: (known: Known, row: RowInput, isNew: boolean) => RowInput | { readonly fault: string }
}

/** A file kind for those who treat all of them alike. */
export function anyFile<Row extends RecordRow, View extends RecordView>(file: FileKind<Row, View>): FileKind {
  return file as unknown as FileKind
}
