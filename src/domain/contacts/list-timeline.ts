import { z } from 'zod'
import type { Actor } from '../../auth/actor.ts'
import { contactVisibility } from '../../auth/contact-visibility.ts'
import { dealVisibility } from '../../auth/owned-visibility.ts'
import { type TimelineItem, type TimelineKind, timelineKinds } from '../../contract/rest/contacts.ts'
import { decodeCursor, encodeCursor, type Page, pageOf } from '../../http/cursor.ts'
import { activityKind } from '../activities/activity-kind.ts'
import { conversationCondition, noteJoins, noteSight } from '../notes/note-sight.ts'
import { readRecord } from '../records/find-record.ts'
import { visibleTo } from '../records/list-records.ts'
import type { Bind, Query } from '../records/record-kind.ts'
import { sortKeys } from '../records/sort-keys.ts'
import { contactKind } from './contact-kind.ts'
import { loadTimeline } from './load-timeline.ts'

interface Asked {
  readonly id: number
  readonly limit: number
  readonly cursor?: string | undefined
  readonly kind?: TimelineKind | undefined
}

interface Line {
  readonly at_key: string
  readonly kind: TimelineKind
  readonly id: string
}

/** Where lines of a kind come from: their time, their id, and the rows that the actor may see. */
interface Source {
  readonly at: string
  readonly id: string
  readonly from: string
}

/**
 * What there is about a contact, newest first: messages of its conversations, notes about it, its conversations and its
 * deals, its activities, the stages of its deals, and what of its record was changed. Each only where its reader may see it.
 * One statement finds the lines, each source giving no more than a page, and one per kind loads what they say.
 * Fails with `not_found`.
 */
export async function listTimeline(query: Query, actor: Actor, asked: Asked): Promise<Page<TimelineItem>> {
  const { id } = await readRecord(query, actor, contactKind, asked.id)
  const list = `timeline ${id} ${asked.kind ?? ''}`
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const [tenant, contact] = [`${bind(actor.tenantId)}::uuid`, `${bind(id)}::integer`]
  const after =
    asked.cursor === undefined
      ? null
      : decodeCursor(
          list,
          asked.cursor,
          z.tuple([sortKeys.timestamptz, z.enum(timelineKinds), sortKeys.text]),
        )
  const place =
    after &&
    `(${bind(after[0])}::timestamptz, ${bind(after[1])}::text collate "C", ${bind(after[2])}::text collate "C")`
  const most = bind(asked.limit + 1)
  const branch = (kind: TimelineKind): string => {
    const { at, id: ofSource, from } = sources[kind]({ actor, bind, tenant, contact })
    const key = `${at}, '${kind}'::text collate "C", (${ofSource})::text collate "C"`
    return `(select ${at} as at, '${kind}'::text collate "C" as kind, (${ofSource})::text collate "C" as id from ${from}
      ${place === null ? '' : `and (${key}) < ${place}`} order by 1 desc, 3 desc limit ${most})`
  }
  const kinds = asked.kind === undefined ? timelineKinds : [asked.kind]
  const lines = await query<Line>(
    `select lines.at::text as at_key, lines.kind, lines.id from (${kinds.map(branch).join(' union all ')}) lines
     order by lines.at desc, lines.kind desc, lines.id desc limit ${most}`,
    values,
  )
  const page = pageOf(
    lines,
    asked.limit,
    (line) => line,
    ({ at_key: at, kind, id: last }) => encodeCursor(list, [at, kind, last]),
  )
  return { ...page, data: await loadTimeline(query, actor.tenantId, page.data) }
}

type Around = {
  readonly actor: Actor
  readonly bind: Bind
  readonly tenant: string
  readonly contact: string
}

const sources: Readonly<Record<TimelineKind, (around: Around) => Source>> = {
  message: ({ actor, bind, tenant, contact }) => ({
    at: 'm.sent_at',
    id: 'm.id',
    from: `conversations c join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
      where c.tenant_id = ${tenant} and c.contact_id = ${contact} and ${conversationCondition(actor, bind)}`,
  }),
  note: ({ actor, bind, tenant, contact }) => ({
    at: 'r.created_at',
    id: 'r.id',
    from: `notes r ${noteJoins} where r.tenant_id = ${tenant} and r.deleted_at is null and r.id in (
        select n.id from notes n where n.tenant_id = ${tenant} and n.contact_id = ${contact}
        union all
        select n.id from conversations nc join notes n on n.tenant_id = nc.tenant_id and n.conversation_id = nc.id
        where nc.tenant_id = ${tenant} and nc.contact_id = ${contact}
        union all
        select n.id from deals nd join notes n on n.tenant_id = nd.tenant_id and n.deal_id = nd.id
        where nd.tenant_id = ${tenant} and nd.contact_id = ${contact} and nd.deleted_at is null)
      and ${noteSight.where(actor, bind)}`,
  }),
  activity: ({ actor, bind, tenant, contact }) => ({
    at: 'r.created_at',
    id: 'r.id',
    from: `activities r where r.tenant_id = ${tenant} and r.contact_id = ${contact} and r.deleted_at is null
      and ${visibleTo(actor, activityKind, bind)}`,
  }),
  stage_change: ({ actor, bind, tenant, contact }) => ({
    at: 'h.at',
    id: 'h.id',
    from: `deals d join deal_stage_changes h on h.tenant_id = d.tenant_id and h.deal_id = d.id
      where d.tenant_id = ${tenant} and d.contact_id = ${contact} and d.deleted_at is null and ${dealVisibility(actor, 'd', bind)}`,
  }),
  edit: (around) => ({
    at: 'l.created_at',
    id: 'l.number',
    from: `audit_logs l where l.tenant_id = ${around.tenant} and l.entity_id = ${around.contact}::text and l.entity = 'contact'
      and ${mergeInSight(around)}`,
  }),
}

/**
 * Lines of a merge tell the addresses of both. When it was taken back, which the trail itself says, the other one is somebody
 * of their own again, and only who may see them reads it (as in list-merges.ts).
 */
function mergeInSight({ actor, bind, tenant, contact }: Around): string {
  const visible = contactVisibility(actor, 'other', bind)
  if (visible === 'true') return 'true'
  const merge = `l.after->'merge'`
  return `(l.action not in ('contact.merge', 'contact.unmerge')
    or l.action = 'contact.merge' and (select true from audit_logs undone
      where undone.tenant_id = l.tenant_id and undone.entity_id = l.entity_id and undone.entity = 'contact'
        and undone.action = 'contact.unmerge' and undone.after->'merge'->>'id' = ${merge}->>'id' limit 1) is null
    or (select ${visible} from contacts other where other.tenant_id = ${tenant} and other.id = case
      when (${merge}->>'contactId')::integer = ${contact} then (${merge}->>'otherId')::integer
      else (${merge}->>'contactId')::integer end))`
}
