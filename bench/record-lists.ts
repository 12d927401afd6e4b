import type pg from 'pg'
import { activityKind } from '../src/domain/activities/activity-kind.ts'
import { contactKind } from '../src/domain/contacts/contact-kind.ts'
import { customerKind } from '../src/domain/customers/customer-kind.ts'
import { dealKind } from '../src/domain/deals/deal-kind.ts'
import { mostFilterValues } from '../src/contract/rest/several.ts'
import type { RecordKind } from '../src/domain/records/record-kind.ts'
import { encodeCursor } from '../src/http/cursor.ts'

/** The lists that grow with a business. */
export const bigKinds = [
  customerKind,
  dealKind,
  activityKind,
  contactKind,
] as unknown as readonly RecordKind[]

/** One filter with a value that it could really have: members of the query, and what to call it. */
export interface FilterCase {
  readonly name: string
  readonly query: Readonly<Record<string, string>>
}

export interface SortCase {
  readonly sort: string
  readonly order: 'asc' | 'desc'
  /** Goes on in the middle of everything. */
  readonly deep: string
}

/** Every filter of a kind with values out of a seeded tenant: common ones, rare ones, and some that nothing has. */
export async function filterCases(
  client: pg.Client,
  tenantId: string,
  kind: RecordKind,
): Promise<FilterCase[]> {
  const samples = await sampleValues(client, tenantId, kind)
  const cases = Object.entries(samples).flatMap(([filter, values]) =>
    values.map(([what, value]) => ({ name: `${filter} ${what}`, query: { [filter]: value } })),
  )
  const missing = Object.keys(kind.filters).filter((name) => !(name in samples))
  if (missing.length > 0) throw new Error(`${kind.path} has filters without a sample: ${missing.join(', ')}`)
  return [
    ...cases,
    { name: 'deleted with', query: { deleted: 'with' } },
    { name: 'deleted only', query: { deleted: 'only' } },
  ]
}

type Samples = Record<string, readonly (readonly [what: string, value: string])[]>

async function sampleValues(
  client: pg.Client,
  tenantId: string,
  { path, table }: RecordKind,
): Promise<Samples> {
  const ask = async (sql: string): Promise<string[]> => {
    const { rows } = await client.query<{ value: string }>({
      text: `select value::text from (${sql}) v(value)`,
      values: [tenantId],
    })
    return rows.map(({ value }) => value)
  }
  /** Of a column that few values share most rows of: the most frequent one, the least frequent one, both, and three rare ones. */
  const ends = async (column: string, from = table) => {
    const found = await ask(
      `select ${column} from ${from} where tenant_id = $1 and ${column} is not null group by 1 order by count(*) desc, 1`,
    )
    return [
      ['common', found[0] ?? ''],
      ['rare', found.at(-1) ?? ''],
      ['common or rare', `${found[0]},${found.at(-1)}`],
      ['three rare', found.slice(-3).join(',')],
    ] as const
  }
  const some = async (column: string) => {
    const found = await ask(
      `select ${column} from ${table} where tenant_id = $1 and ${column} is not null and deleted_at is null order by md5(id::text) limit ${mostFilterValues}`,
    )
    return [
      ['one', found[0] ?? ''],
      ['as many as it takes', found.join(',')],
    ] as const
  }
  /** A moment that so much of the rows lie before. */
  const moment = async (column: string, part: number) => {
    const [value = ''] = await ask(
      `select to_char(percentile_disc(${part}) within group (order by ${column}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from ${table} where tenant_id = $1`,
    )
    return value
  }
  const range = async (column: string) =>
    [
      ['most', await moment(column, 0.05)],
      ['few', await moment(column, 0.999)],
    ] as const
  const until = async (column: string) =>
    [
      ['most', await moment(column, 0.95)],
      ['few', await moment(column, 0.001)],
    ] as const
  const person = async (column: string) =>
    [...(await ends(column)), ['none', 'none'], ['me', 'me'], ['me or nobody', 'me,none']] as const
  const times = {
    createdFrom: await range('created_at'),
    createdTo: await until('created_at'),
    updatedFrom: await range('updated_at'),
    updatedTo: await until('updated_at'),
  }
  const samples: Record<string, () => Promise<Samples>> = {
    customers: async () => ({
      q: [
        ['accents', 'dvorak'],
        ['two words', 'cafe nunez 77'],
        ['phone', '+49 151 000'],
        ['phone as dialled', '0151 000'],
        ['name and phone', 'nunez 0151 000'],
        ['another order', '77 nunez cafe'],
        ['digits', '7919'],
        ['nothing', 'qqxyzzy'],
        ['everything', 'office'],
        ['two letters', 'af'],
        ['two letters that nothing has', 'qz'],
      ],
      status: await ends('status'),
      ownerId: await person('owner_id'),
      tag: await ends('tag_id', 'customer_tags'),
    }),
    deals: async () => ({
      q: [
        ['accents', 'dvorak'],
        ['two words', 'cafe nunez 77'],
        ['nothing', 'qqxyzzy'],
      ],
      pipelineId: [
        ['one', (await ask('select id from pipelines where tenant_id = $1 order by id limit 1'))[0] ?? ''],
      ],
      stageId: await ends('stage_id'),
      ownerId: await person('owner_id'),
      customerId: await some('customer_id'),
      contactId: await some('contact_id'),
      conversationId: [['nothing', '00000000-0000-4000-8000-000000000000']],
      kind: [
        ['open', 'open'],
        ['won', 'won'],
        ['won or lost', 'won,lost'],
      ],
      valueFrom: [
        ['most', '100'],
        ['few', '9990000'],
      ],
      valueTo: [
        ['most', '9000000'],
        ['few', '10'],
      ],
      expectedCloseFrom: [
        ['most', (await moment('created_at', 0.05)).slice(0, 10)],
        ['few', (await moment('expected_close_on', 0.999)).slice(0, 10)],
      ],
      expectedCloseTo: [
        ['most', (await moment('created_at', 0.95)).slice(0, 10)],
        ['few', (await moment('expected_close_on', 0.001)).slice(0, 10)],
      ],
      stale: await until('entered_stage_at'),
    }),
    activities: async () => ({
      q: [
        ['accents', 'dvorak'],
        ['two words', 'call nunez 77'],
        ['nothing', 'qqxyzzy'],
      ],
      type: await ends('type'),
      status: await ends('status'),
      priority: await ends('priority'),
      assigneeId: await person('assignee_id'),
      customerId: await some('customer_id'),
      contactId: await some('contact_id'),
      dealId: await some('deal_id'),
      conversationId: [['nothing', '00000000-0000-4000-8000-000000000000']],
      dueFrom: await range('due_at'),
      dueTo: await until('due_at'),
      when: [
        ['overdue', 'overdue'],
        ['today', 'today'],
        ['upcoming', 'upcoming'],
      ],
    }),
    contacts: async () => ({
      q: [
        ['accents', 'dvorak'],
        ['two words', 'zoe nunez 77'],
        ['phone', '+49 171 100'],
        ['phone as dialled', '0171 100'],
        ['name and phone', 'zoe 10012'],
        ['name and phone as dialled', 'nunez 0171 100'],
        ['another order', '77 nunez zoe'],
        ['digits', '7777'],
        ['nothing', 'qqxyzzy'],
      ],
      customerId: await some('customer_id'),
      blocked: [
        ['true', 'true'],
        ['false', 'false'],
      ],
      isGroup: [
        ['true', 'true'],
        ['false', 'false'],
      ],
      isPrimary: [
        ['true', 'true'],
        ['false', 'false'],
      ],
      channel: await ends('channel_id', 'conversations'),
    }),
  }
  return { ...(await samples[path]?.()), ...times }
}

/** Every sort of a kind, both ways, with a cursor in the middle of what the tenant has. */
export async function sortCases(client: pg.Client, tenantId: string, kind: RecordKind): Promise<SortCase[]> {
  const cases: SortCase[] = []
  for (const [sort, { sql }] of Object.entries(kind.sorts)) {
    const { rows } = await client.query<{ key: string; id: number }>(
      `select (${sql})::text as key, r.id from ${kind.table} r where r.tenant_id = $1 and r.deleted_at is null order by ${sql}, r.id
       limit 1 offset (select count(*) / 2 from ${kind.table} where tenant_id = $1)`,
      [tenantId],
    )
    const [middle] = rows
    if (!middle) throw new Error(`the tenant has no ${kind.path}`)
    for (const order of ['asc', 'desc'] as const)
      cases.push({
        sort,
        order,
        deep: encodeCursor(`${kind.path} ${sort} ${order}`, [middle.key, middle.id]),
      })
  }
  return cases
}
