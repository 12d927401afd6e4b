import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { type Action, permit } from '../../auth/can.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { tagKind } from '../tags/tag-kind.ts'
import { findUsers } from '../users/list-users.ts'
import { visibleTo } from './list-records.ts'
import type { IncludeName, Query, RecordKind, RecordRow, RecordView } from './record-kind.ts'

/** How to get what a member of a record refers to. */
interface Relation {
  /** Holds an id, a list of ids, or null. */
  readonly member: string
  /** Where it stands in `included`. */
  readonly as: 'users' | 'tags' | 'customers' | 'contacts'
  readonly right: Action
  /** Those of these that the actor may see. */
  readonly load: (query: Query, actor: Actor, ids: readonly unknown[]) => Promise<readonly object[]>
}

function relatedRecords<Row extends RecordRow, View extends RecordView>(
  kind: RecordKind<Row, View>,
): Relation['load'] {
  return async (query, actor, ids) => {
    const values: unknown[] = [actor.tenantId, ids]
    const visible = visibleTo(actor, kind, (value) => `$${values.push(value)}`)
    const rows = await query<Row>(
      `select ${kind.select} from ${kind.table} r ${kind.joins} where r.tenant_id = $1 and r.id = any ($2) and ${visible} order by r.id`,
      values,
    )
    return rows.map(kind.present)
  }
}

const users = {
  as: 'users',
  right: 'user.read',
  load: (query: Query, { tenantId }: Actor, ids: readonly unknown[]) => findUsers(query, tenantId, ids),
} as const
const customers = {
  as: 'customers',
  right: customerKind.rights.read,
  load: relatedRecords(customerKind),
} as const
const contacts = {
  as: 'contacts',
  right: contactKind.rights.read,
  load: relatedRecords(contactKind),
} as const

const relations: Readonly<Record<IncludeName, Relation>> = {
  owner: { member: 'ownerId', ...users },
  assignee: { member: 'assigneeId', ...users },
  tags: { member: 'tags', as: 'tags', right: tagKind.rights.read, load: relatedRecords(tagKind) },
  customer: { member: 'customerId', ...customers },
  contact: { member: 'contactId', ...contacts },
}

/** `include=owner,tags` in a query: of what a kind can include, each once. Of kinds that include nothing nobody can ask it. */
export function includeQuery({ includes }: Pick<RecordKind, 'includes'>) {
  if (includes === undefined) return {}
  const names = z.array(z.enum(includes))
  return {
    include: z
      .string()
      .transform((text) => [...new Set(text.split(','))])
      .pipe(names)
      .optional(),
  }
}

type Included = Partial<Record<Relation['as'], readonly object[]>>

/**
 * What records refer to, each once, also what was deleted since; nothing when nothing is asked for. One statement for each
 * relation, however many records there are. Fails with `forbidden` for a relation that the actor may not read.
 */
export async function includeRelated(
  query: Query,
  actor: Actor,
  names: readonly IncludeName[] | undefined,
  views: readonly RecordView[],
): Promise<{ readonly included?: Included }> {
  if (names === undefined) return {}
  const included: Included = {}
  for (const name of names) {
    const { member, as, right, load } = relations[name]
    permit(actor, right)
    const ids = new Set(views.flatMap((view) => idsIn((view as unknown as Record<string, unknown>)[member])))
    included[as] = ids.size === 0 ? [] : await load(query, actor, [...ids])
  }
  return { included }
}

function idsIn(member: unknown): readonly unknown[] {
  if (Array.isArray(member)) return member
  return member === null || member === undefined ? [] : [member]
}
