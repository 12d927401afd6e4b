import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { type Action, permit } from '../../auth/can.ts'
import { severalOf } from '../../contract/rest/several.ts'
import { conversationVisibility } from '../../auth/conversation-visibility.ts'
import { isUuid } from '../../platform/uuid.ts'
import { contactKind } from '../contacts/contact-kind.ts'
import { viewConversations } from '../conversations/load-conversations.ts'
import { customerKind } from '../customers/customer-kind.ts'
import { dealKind } from '../deals/deal-kind.ts'
import { pipelineKind } from '../pipelines/pipeline-kind.ts'
import { stageKind } from '../pipelines/stage-kind.ts'
import { tagKind } from '../tags/tag-kind.ts'
import { findUsers } from '../users/list-users.ts'
import { visibleTo } from './list-records.ts'
import type { IncludeName, Query, RecordKind, RecordRow, RecordView } from './record-kind.ts'

/** How to get things of one sort by their ids. */
interface Source {
  readonly right: Action
  /** Those of these that the actor may see, by id. As many statements for many as for one. */
  readonly load: (
    query: Query,
    actor: Actor,
    ids: readonly unknown[],
    now: Date,
  ) => Promise<readonly object[]>
}

function recordsOf<Row extends RecordRow, View extends RecordView>(kind: RecordKind<Row, View>): Source {
  return {
    right: kind.rights.read,
    load: async (query, actor, ids) => {
      const values: unknown[] = [actor.tenantId, ids]
      const visible = visibleTo(actor, kind, (value) => `$${values.push(value)}`)
      const rows = await query<Row>(
        `select ${kind.select} from ${kind.table} r ${kind.joins} where r.tenant_id = $1 and r.id = any ($2) and ${visible} order by r.id`,
        values,
      )
      return rows.map(kind.present)
    },
  }
}

/** By where they stand in `included`. */
const sources = {
  // An author may also be a program, which is no user.
  users: {
    right: 'user.read',
    load: (query, { tenantId }, ids) => findUsers(query, tenantId, ids.filter(isUuid)),
  },
  tags: recordsOf(tagKind),
  customers: recordsOf(customerKind),
  contacts: recordsOf(contactKind),
  pipelines: recordsOf(pipelineKind),
  stages: recordsOf(stageKind),
  deals: recordsOf(dealKind),
  conversations: {
    right: 'conversation.read',
    load: async (query, actor, ids, now) => {
      const visible = conversationVisibility(actor, 3)
      const rows = await query<{ id: string }>(
        `select c.id from conversations c where c.tenant_id = $1 and c.id = any ($2) and ${visible.sql} order by c.id`,
        [actor.tenantId, ids, ...visible.values],
      )
      const seen = rows.map(({ id }) => id)
      const views = await viewConversations(query, actor.tenantId, seen, now)
      return seen.flatMap((id) => views.get(id) ?? [])
    },
  },
} satisfies Record<string, Source>

/** The member that holds an id, a list of ids, or null, and where what it refers to is from. */
const relations: Readonly<
  Record<IncludeName, { readonly member: string; readonly as: keyof typeof sources }>
> = {
  owner: { member: 'ownerId', as: 'users' },
  assignee: { member: 'assigneeId', as: 'users' },
  author: { member: 'authorId', as: 'users' },
  mentions: { member: 'mentions', as: 'users' },
  tags: { member: 'tags', as: 'tags' },
  customer: { member: 'customerId', as: 'customers' },
  contact: { member: 'contactId', as: 'contacts' },
  pipeline: { member: 'pipelineId', as: 'pipelines' },
  stage: { member: 'stageId', as: 'stages' },
  deal: { member: 'dealId', as: 'deals' },
  conversation: { member: 'conversationId', as: 'conversations' },
  conversations: { member: 'conversationIds', as: 'conversations' },
}

/** `include=owner,tags` in a query: of what a kind can include, each once. Of kinds that include nothing nobody can ask it. */
export function includeQuery({ includes }: Pick<RecordKind, 'includes'>) {
  return includes === undefined ? {} : { include: severalOf(z.enum(includes)).optional() }
}

type Included = Partial<Record<keyof typeof sources, readonly object[]>>

/**
 * What records refer to, each once, also what was deleted since, as far as the actor may see it; nothing when nothing is asked
 * for. One statement for each sort of thing (three for conversations, which have a newest message), however many records
 * there are. Fails with `forbidden` for a sort of thing that the actor may not read at all.
 */
export async function includeRelated(
  query: Query,
  actor: Actor,
  names: readonly IncludeName[] | undefined,
  views: readonly RecordView[],
  now: Date,
): Promise<{ readonly included?: Included }> {
  if (names === undefined) return {}
  const wanted = new Map<keyof typeof sources, Set<unknown>>()
  for (const name of names) {
    const { member, as } = relations[name]
    permit(actor, sources[as].right)
    const ids = views.flatMap((view) => idsIn((view as unknown as Record<string, unknown>)[member]))
    wanted.set(as, new Set([...(wanted.get(as) ?? []), ...ids]))
  }
  const included: Included = {}
  for (const [as, ids] of wanted)
    included[as] = ids.size === 0 ? [] : await sources[as].load(query, actor, [...ids], now)
  return { included }
}

function idsIn(member: unknown): readonly unknown[] {
  if (Array.isArray(member)) return member
  return member === null || member === undefined ? [] : [member]
}
