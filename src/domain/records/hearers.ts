import { isDeepStrictEqual } from 'node:util'
import type { About, Scope, Subject } from '../../log/scope.ts'
import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Rights } from './record-kind.ts'

type Owner<Row> = NonNullable<Rights<Row>['owner']>

/** Where that is what a record is about. */
interface Surroundings {
  readonly contactId: number | null
  readonly about: About
  /** Whether any of these numbers has members only. */
  readonly isClosed: boolean
}

/** Who may hear of a record. At most one statement. */
export async function hearersOfRecord<Row>(tx: TenantTx, rights: Rights<Row>, row: Row): Promise<Scope> {
  return (await hearersOfRecords(tx, rights, [row]))[0] as Scope
}

/** The same of many, in their order; at most one statement as well. */
export async function hearersOfRecords<Row>(
  tx: TenantTx,
  { owner, sight, reach }: Rights<Row>,
  rows: readonly Row[],
): Promise<Scope[]> {
  const own = sight ?? reach
  if (own) return rows.map(own.hearers)
  if (!owner) return rows.map(() => ({ kind: 'tenant' }))
  const free = rows.filter((row) => owner.of(row) === null)
  const around = new Map((await lookAround(tx, owner, free)).map((found, place) => [free[place], found]))
  return rows.map((row) => ({
    kind: 'owned',
    action: owner.read,
    ownerId: owner.of(row),
    ...subjectOf(around.get(row)),
  }))
}

/**
 * Who could see a record before a change and may not any more, because it has another owner or is about something else; null
 * when that is nobody.
 */
export async function losersOfRecord<Row>(
  tx: TenantTx,
  owner: Owner<Row>,
  before: Row,
  after: Row,
): Promise<Scope | null> {
  const [from, to] = [owner.of(before), owner.of(after)]
  const { subjects } = owner
  const turned =
    from === null && to === null && subjects && !isDeepStrictEqual(subjects.of(before), subjects.of(after))
  if (from === to && !turned) return null
  const free = [before, after].filter((row) => owner.of(row) === null)
  const around = await lookAround(tx, owner, free)
  const [was, is] = [from === null ? around[0] : undefined, to === null ? around.at(-1) : undefined]
  if (turned && is?.isClosed !== true) return null
  return {
    kind: 'lost-owned',
    action: owner.read,
    before: from,
    ...(was && { was: was.about }),
    after: to,
    ...subjectOf(is),
  }
}

/** What of its surroundings stands in a scope: of a contact the id alone, because its numbers become others. */
export function subjectOf(around: Surroundings | undefined): Subject {
  if (around === undefined) return {}
  const { contactId, about } = around
  return {
    ...(contactId !== null && { contactId }),
    ...(about.channelIds.length > 0 && { channelIds: about.channelIds }),
  }
}

/**
 * Where that is what records are about, in their order; nothing where nothing decides it. Deals are looked up one by one (`limit`): of
 * a list from JSON the server expects a hundred, and for a hundred it went through all deals of the tenant.
 */
async function lookAround<Row>(
  tx: TenantTx,
  { subjects }: Owner<Row>,
  rows: readonly Row[],
): Promise<readonly (Surroundings | undefined)[]> {
  if (!subjects) return []
  const asked = rows.map(subjects.of)
  if (asked.every(({ contactId, conversationIds, dealId }) => !(contactId ?? dealId ?? conversationIds[0])))
    return []
  const found = await tx.query<{
    contact_id: number | null
    contact_channels: string[]
    channel_ids: string[]
    closed: boolean
  }>(
    `select about.contact_id, channels_of_contact(about.contact_id) as contact_channels, talks.channel_ids,
       exists (select from channels h where h.tenant_id = $1 and h.members_only and (h.id = any (talks.channel_ids)
         or exists (select from conversations c where c.tenant_id = $1 and c.contact_id = about.contact_id and c.channel_id = h.id))) as closed
     from json_to_recordset($2) as asked(place integer, "contactId" integer, "conversationIds" uuid[], "dealId" integer)
     left join lateral (select d.id, d.contact_id from deals d where d.tenant_id = $1 and d.id = asked."dealId" limit 1) d on true
     cross join lateral (select coalesce(asked."contactId", d.contact_id) as contact_id) about
     cross join lateral (select array(select distinct c.channel_id from conversations c where c.tenant_id = $1 and c.id in (
       select unnest(asked."conversationIds") union
       select link.conversation_id from deal_conversations link where link.tenant_id = $1 and link.deal_id = d.id)
       order by 1) as channel_ids) talks
     order by asked.place`,
    [tx.tenantId, JSON.stringify(asked.map((one, place) => ({ ...one, place })))],
  )
  return found.map((row) => ({
    contactId: row.contact_id,
    about: {
      contact: row.contact_id === null ? null : { channelIds: row.contact_channels },
      channelIds: row.channel_ids,
    },
    isClosed: row.closed,
  }))
}
