import type { ImportRow } from './import-row.ts'
import type { FileColumn } from './file-columns.ts'

/** The file as a whole cannot be taken. The message is for whoever brought it. */
export class UnusableFile extends Error {}

/** For each column of a file what it is, or null when it is left out. */
export type Plan = readonly (FileColumn<never> | null)[]

/** Names are compared without case, blanks, dashes and underscores. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')

/**
 * What the columns of a file are, by its first row: what the mapping says, else by their names (those of an export, or the
 * label of a custom field); others are left out. Fails with UnusableFile when that cannot be right.
 */
export function mapColumns(
  header: readonly string[],
  { mapping, upsert_key: upsertKey }: Pick<ImportRow, 'mapping' | 'upsert_key'>,
  { kind, needed }: { readonly kind: { readonly path: string }; readonly needed: string },
  columns: readonly FileColumn<never>[],
): Plan {
  const byName = new Map<string, FileColumn<never>>()
  for (const column of columns) if (column.alias !== undefined) byName.set(plain(column.alias), column)
  for (const column of columns) byName.set(plain(column.name), column)
  const wanted = new Map(Object.entries(mapping).map(([name, target]) => [name.trim(), target]))
  const missing = [...wanted.keys()].find((name) => !header.some((one) => one.trim() === name))
  if (missing !== undefined)
    throw new UnusableFile(`The mapping names the column "${missing}", which the file does not have.`)
  const plan = header.map((text) => {
    const name = text.trim()
    const target = wanted.get(name)
    if (target === null) return null
    if (target === undefined) return byName.get(plain(name)) ?? null
    const column = byName.get(plain(target))
    if (!column) throw new UnusableFile(`The mapping names "${target}", which is no column of ${kind.path}.`)
    return column
  })
  for (const column of columns)
    if (plan.filter((one) => one === column).length > 1)
      throw new UnusableFile(
        `Two columns of the file are "${column.name}". Leave one of them out with the mapping.`,
      )
  const key = upsertKey === 'none' ? needed : upsertKey
  if (!plan.some((column) => column?.name === key)) throw new UnusableFile(`The file has no column "${key}".`)
  return plan
}
