import { unguard } from './csv-text.ts'
import type { CsvRow } from './csv-reader.ts'
import type { Plan } from './map-columns.ts'

/** What a row says, before it is judged. */
export interface RowInput {
  /** Text of each named column, by its name; empty ones are left out. */
  readonly texts: ReadonlyMap<string, string>
  /** Members of the columns of the file; null and empty lists where a cell is empty. */
  readonly values: Readonly<Record<string, unknown>>
  readonly customFields: Readonly<Record<string, unknown>>
}

/** The cells of a row by the plan of its file, or what is wrong with them. Cells that are missing at the end are empty. */
export function readRow(plan: Plan, { cells, fault }: CsvRow): RowInput | { readonly fault: string } {
  if (fault !== null) return { fault }
  if (cells.length > plan.length)
    return { fault: `${cells.length} cells where the header has ${plan.length}` }
  const texts = new Map<string, string>()
  const values: Record<string, unknown> = {}
  const customFields: Record<string, unknown> = {}
  for (const [at, column] of plan.entries()) {
    if (column === null) continue
    const text = unguard((cells[at] ?? '').trim())
    if (text !== '') texts.set(column.name, text)
    if (column.member === undefined) continue
    const read = text === '' ? { value: column.empty } : column.read(text)
    if ('fault' in read) return { fault: `${column.name}: ${read.fault}` }
    if (read.value === undefined) continue
    if (column.field === undefined) values[column.member] = read.value
    else customFields[column.field] = read.value
  }
  return { texts, values, customFields }
}
