import type { TenantTx } from '../../log/tenant-tx.ts'

/** A template that somebody wants to send, by the name and language that the network knows it under. */
export interface WantedTemplate {
  readonly channelId: string
  readonly name: string
  readonly language: string
}

/** What we know of a template. `status` and `category` are the network's words (`APPROVED`, `MARKETING`); null when it never said. */
export interface KnownTemplate {
  readonly status: string | null
  readonly category: string | null
}

export interface TemplateBook {
  /** null when we have no row of it. */
  find(wanted: WantedTemplate): KnownTemplate | null
  /**
   * Whether we hold the channel's whole list: then a template without a row does not exist. News about single templates
   * make rows too, without components; a list that was read from the network has them.
   */
  complete(channelId: string): boolean
}

const keyOf = (wanted: WantedTemplate) => JSON.stringify([wanted.channelId, wanted.name, wanted.language])

/** What is known of these templates, in one statement; none when nothing is wanted. */
export async function findTemplates(tx: TenantTx, wanted: readonly WantedTemplate[]): Promise<TemplateBook> {
  if (wanted.length === 0) return { find: () => null, complete: () => false }
  const rows = await tx.query<{
    channel_id: string
    name: string
    language: string
    found: boolean
    status: string | null
    category: string | null
    complete: boolean
  }>(
    `select w.channel_id, w.name, w.language, t.id is not null as found, t.status, t.category,
            exists (select from templates s where s.tenant_id = $1 and s.channel_id = w.channel_id and s.components is not null) as complete
     from (select distinct * from json_to_recordset($2) as x(channel_id uuid, name text, language text)) w
     left join lateral (
       select id, status, category from templates t
       where t.tenant_id = $1 and t.channel_id = w.channel_id and t.name = w.name and t.language = w.language
       order by t.updated_at desc limit 1
     ) t on true`,
    [
      tx.tenantId,
      JSON.stringify(
        wanted.map(({ channelId, name, language }) => ({ channel_id: channelId, name, language })),
      ),
    ],
  )
  const known = new Map<string, KnownTemplate>()
  const complete = new Set<string>()
  for (const row of rows) {
    const { channel_id: channelId, name, language, status, category } = row
    if (row.found) known.set(keyOf({ channelId, name, language }), { status, category })
    if (row.complete) complete.add(channelId)
  }
  return {
    find: (one) => known.get(keyOf(one)) ?? null,
    complete: (channelId) => complete.has(channelId),
  }
}
