import type pg from 'pg'
import type { Actor } from '../../src/auth/actor.ts'
import { listRecords } from '../../src/domain/records/list-records.ts'
import type { Query, RecordKind } from '../../src/domain/records/record-kind.ts'
import type { StatementPlan } from '../../src/platform/db.ts'

/** A node of EXPLAIN (ANALYZE, FORMAT JSON), as far as it is looked at. */
interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Heap Fetches'?: number
  readonly Plans?: readonly PlanNode[]
}

/** How a list was read. */
export interface Reading {
  /** Tables that were read from end to end. */
  readonly scanned: readonly string[]
  /** Rows that an index alone did not answer for. */
  readonly fetched: number
  /** Rows of tables that were looked at to find those of the page. */
  readonly looked: number
  /** Most rows that one sort was given. */
  readonly sorted: number
  /** Nodes from the top, for people. */
  readonly shape: string
}

/**
 * Reads a page of a list as the application does, on a connection of its role with the tenant set, and answers with how the
 * database went about the page itself. What keeps its plan is judged by the plan that knows no values.
 */
export async function readingOf(
  client: pg.Client,
  actor: Actor,
  kind: RecordKind,
  asked: Readonly<Record<string, string>>,
): Promise<Reading> {
  let page: { text: string; values: readonly unknown[]; plan: StatementPlan } | undefined
  const query: Query = async (text, values = [], plan = 'kept') => {
    if (text.includes(' as sort_key')) {
      page = { text, values, plan }
      return []
    }
    return (await client.query({ text, values: [...values] })).rows
  }
  const values = Object.entries(asked).map(([name, text]) => [
    name,
    kind.filters[name]?.schema.parse(text) ?? text,
  ])
  const page50 = { limit: 50, ...Object.fromEntries(values) }
  await listRecords(query, actor, kind, page50, { LIST_WALK: 2000 })
  if (!page) throw new Error('the list asked for no page')
  const rows =
    page.plan === 'fresh'
      ? (await client.query({ text: `${explain} ${page.text}`, values: [...page.values] })).rows
      : await explainKept(client, page)
  return readingIn(rows)
}

/** Asks as the application does and notes how each statement was read. */
export function watching(client: pg.Client, readings: Reading[]): Query {
  return async (text, values = []) => {
    readings.push(readingIn((await client.query({ text: `${explain} ${text}`, values: [...values] })).rows))
    return (await client.query({ text, values: [...values] })).rows
  }
}

/** What stands before a statement that is read with a note of how. */
export const explain = 'explain (analyze, timing off, format json)'

/** How a statement was read, by what `explain` answered. */
export function readingIn(rows: readonly unknown[]): Reading {
  const [explained] = rows as { 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }[]
  if (!explained) throw new Error('the plan is not told')
  const nodes = nodesOf(explained['QUERY PLAN'][0].Plan)
  return {
    scanned: nodes.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? (node['Relation Name'] ?? '') : [])),
    fetched: nodes.reduce((sum, node) => sum + (node['Heap Fetches'] ?? 0), 0),
    looked: nodes
      .filter((node) => node['Relation Name'] !== undefined)
      .reduce((sum, node) => sum + seenBy(node), 0),
    sorted: Math.max(0, ...nodes.map((node) => (node['Node Type'].endsWith('Sort') ? givenTo(node) : 0))),
    shape: nodes.map((node) => [node['Node Type'], node['Index Name']].filter(Boolean).join(' ')).join(' > '),
  }
}

async function explainKept(
  client: pg.Client,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): Promise<unknown[]> {
  const given = values
    .map((value) =>
      value === null
        ? 'null'
        : client.escapeLiteral(Array.isArray(value) ? `{${value.join(',')}}` : `${value as string | number}`),
    )
    .join(', ')
  await client.query(`set plan_cache_mode = force_generic_plan; prepare page as ${text}`)
  try {
    return (await client.query(`${explain} execute page(${given})`)).rows
  } finally {
    await client.query('deallocate page; reset plan_cache_mode')
  }
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

/** Rows of the table that a scan fetched, whether they were wanted or not. */
function seenBy(node: PlanNode): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  return (node['Actual Rows'] + removed) * node['Actual Loops']
}

function givenTo({ Plans = [] }: PlanNode): number {
  return Plans.reduce((sum, { 'Actual Rows': rows, 'Actual Loops': loops }) => sum + rows * loops, 0)
}
