import { type TagView, tagView } from '../../contract/crm/tag.ts'
import { tagPart, wholeTag } from '../../contract/rest/tags.ts'
import { containing, timeFilters, timeSorts } from '../records/common-filters.ts'
import type { RecordKind, RecordRow } from '../records/record-kind.ts'

interface TagRow extends RecordRow {
  name: string
  color: string | null
}

/** Labels that people put on customers. Two that read the same are one. */
export const tagKind: RecordKind<TagRow, TagView> = {
  noun: 'tag',
  path: 'tags',
  table: 'tags',
  select: 'r.id, r.name, r.color, r.version, r.created_at, r.updated_at, r.deleted_at',
  joins: '',
  members: { name: { column: 'name', type: 'text' }, color: { column: 'color', type: 'text' } },
  view: tagView,
  whole: wholeTag,
  part: tagPart,
  filters: { q: containing('search_key(r.name)'), ...timeFilters },
  sorts: { name: { sql: 'r.name_key', type: 'text', order: 'asc' }, ...timeSorts },
  sortedBy: 'name',
  present: (row) => ({
    id: row.id,
    name: row.name,
    color: row.color,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    version: row.version,
  }),
  rights: { read: 'record.read', write: 'record.write' },
  constraints: { tags_one_per_name: 'name' },
}
