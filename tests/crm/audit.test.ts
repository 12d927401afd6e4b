import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import { type AuditEntryView, auditEntry } from '../../src/contract/rest/audit.ts'
import { recordAudit } from '../../src/domain/audit/record-audit.ts'
import { inTenant } from '../../src/log/tenant-tx.ts'
import { asSuperuser, cli, cliJson } from '../cli/cli.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

interface Page {
  readonly data: AuditEntryView[]
  readonly nextCursor: string | null
}

interface Verified {
  readonly ok: boolean
  readonly tenants: {
    readonly tenant: string
    readonly entries: number
    readonly end: string | null
    readonly findings: { readonly code: string; readonly entry: number }[]
    readonly more: number
  }[]
}

async function trail(rest: RestClient, token: string, query = ''): Promise<AuditEntryView[]> {
  const { body, status, text } = await rest.call<Page>('GET', `/admin/audit-logs?limit=200${query}`, {
    token,
  })
  expect(status, text).toBe(200)
  return body.data
}

async function makeCustomer(rest: RestClient, token: string, name: string): Promise<CustomerView> {
  const answer = await rest.call<{ data: CustomerView }>('POST', '/admin/customers', {
    token,
    json: { name },
  })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.data
}

/** Entries of the trail, in one transaction each. */
async function write(hub: Hub, count: number, tenantId = hub.tenant.id): Promise<void> {
  for (let i = 1; i <= count; i++)
    await inTenant(hub.deps, tenantId, async (tx) =>
      recordAudit(tx, {
        by: { actor: { kind: 'system', tenantId, name: 'a test' } },
        action: 'thing.update',
        entity: 'thing',
        entityId: i,
        before: { size: i, price: 1.5 },
        after: {
          size: i + 1,
          text: 'Łódź "ñ" \\ \u{1f600}',
          at: new Date(0),
          none: null,
          list: [1, { a: 2 }],
        },
      }),
    )
}

async function findings(hub: Hub): Promise<(readonly [string, number])[]> {
  const { answer, code } = await cliJson<Verified>(hub.environment, 'verify-audit', '--tenant', 'main')
  const found = answer.tenants[0]?.findings ?? []
  expect(code).toBe(found.length === 0 ? 0 : 1)
  return found.map(({ code, entry }) => [code, entry] as const)
}

/** Past the trigger and row security, as whoever owns the server can. */
const tamper = (hub: Hub, ...statements: string[]) =>
  asSuperuser(hub, async (query) => {
    await query('set session_replication_role = replica')
    for (const statement of statements) await query(statement)
  })

describe('GET /admin/audit-logs', () => {
  test('[AUD1] says who did what to which thing, when, from where and in which request, the newest first', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const agent = await hub.signIn('agent')
    const admin = await hub.signIn('admin')
    const made = await makeCustomer(rest, agent.token, 'Acme')
    const path = `/admin/customers/${made.id}`
    const changed = await rest.call('PATCH', path, { token: agent.token, json: { status: 'active' } })
    const [update, create] = (await trail(rest, admin.token)).map((entry) => auditEntry.parse(entry))
    expect(update).toMatchObject({
      actor: { kind: 'user', id: agent.actor.id, name: agent.actor.name },
      action: 'customer.update',
      entity: 'customer',
      entityId: String(made.id),
      before: { name: 'Acme', status: 'lead' },
      after: { name: 'Acme', status: 'active' },
      ip: '127.0.0.1',
      requestId: changed.headers.get('x-request-id'),
    })
    expect(create).toMatchObject({ action: 'customer.create', before: null, id: (update?.id ?? 0) - 1 })
  })

  test('[AUD1] is for admins of the tenant alone', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const other = await hub.addTenant()
    await makeCustomer(rest, hub.token('agent'), 'Acme')
    for (const role of ['viewer', 'agent', 'manager'] as const)
      expect(await rest.refused('GET', '/admin/audit-logs', { token: hub.token(role) })).toMatchObject({
        status: 403,
        code: 'forbidden',
      })
    const theirs = await trail(rest, hub.token('admin', { tenant: other.slug }))
    expect(theirs.map(({ id, action }) => [id, action])).toEqual([[1, 'tenant.create']])
  })

  test('[AUD2] filters hold together, and pages are walked without a gap or a repeat while the trail grows', async () => {
    await using hub = await startHub()
    const rest = await startRestOf(hub)
    const [one, two] = [await hub.signIn('agent'), await hub.signIn('manager')]
    const token = hub.token('admin')
    const names = ['a', 'b', 'c', 'd']
    const made: CustomerView[] = []
    for (const [i, name] of names.entries())
      made.push(await makeCustomer(rest, i % 2 === 0 ? one.token : two.token, name))
    await rest.call('DELETE', `/admin/customers/${made[0]?.id}`, { token: two.token })
    await rest.call('POST', '/admin/tags', { token: one.token, json: { name: 'VIP' } })
    const shown = async (query: string) =>
      (await trail(rest, token, query)).map(
        ({ action, after }) => `${action} ${(after as { name: string }).name}`,
      )
    expect(await shown(`&actorId=${two.actor.id}`)).toEqual([
      'customer.delete a',
      'customer.create d',
      'customer.create b',
    ])
    expect(await shown(`&actorId=${one.actor.id}&entity=customer`)).toEqual([
      'customer.create c',
      'customer.create a',
    ])
    expect(await shown(`&entity=customer&entityId=${made[0]?.id}`)).toEqual([
      'customer.delete a',
      'customer.create a',
    ])
    expect(await shown('&action=tag.create')).toEqual(['tag.create VIP'])
    expect(await shown('&entity=nothing')).toEqual([])
    // The first moment of a time is in, its end is out.
    const all = await trail(rest, token)
    await asSuperuser(hub, (query) =>
      query(
        `update audit_logs set created_at = '2026-01-01T00:00:00Z'::timestamptz + number * interval '1 second'`,
      ),
    )
    const second = (number = 0) => `2026-01-01T00:00:${String(number).padStart(2, '0')}Z`
    const [from, to] = [all[3]?.id, all[1]?.id]
    expect((await trail(rest, token, `&from=${second(from)}&to=${second(to)}`)).map(({ id }) => id)).toEqual([
      all[2]?.id,
      all[3]?.id,
    ])
    expect(await trail(rest, token, '&from=2030-01-01T00:00:00Z')).toEqual([])
    expect(await trail(rest, token, '&to=2020-01-01T00:00:00Z')).toEqual([])

    const walked: number[] = []
    for (let cursor = ''; ; ) {
      const { body } = await rest.call<Page>('GET', `/admin/audit-logs?limit=2${cursor}`, { token })
      walked.push(...body.data.map(({ id }) => id))
      await makeCustomer(rest, one.token, 'meanwhile')
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(walked).toEqual(all.map(({ id }) => id))
    for (const query of ['colour=red', 'from=yesterday', 'actorId=me', 'limit=201', 'cursor=x'])
      expect(await rest.refused('GET', `/admin/audit-logs?${query}`, { token })).toMatchObject({
        status: 400,
      })
  })
})

describe('the chain', () => {
  test('[AUD3] the application can append and nothing else, and cannot choose what the chain says', async () => {
    await using hub = await startHub()
    for (const statement of [
      'update audit_logs set action = action',
      'delete from audit_logs',
      'truncate audit_logs',
      'update audit_heads set number = 0',
      'delete from audit_heads',
      `insert into audit_heads (tenant_id) values ('${hub.tenant.id}')`,
      'alter table audit_logs disable trigger chain',
      'set session_replication_role = replica',
    ])
      await expect(
        inTenant(hub.deps, hub.tenant.id, (tx) => tx.query(statement)),
        statement,
      ).rejects.toMatchObject({ code: '42501' })
    await inTenant(hub.deps, hub.tenant.id, (tx) =>
      tx.query(
        `insert into audit_logs (tenant_id, actor, action, entity, entity_id, number, hash, created_at)
         values ($1, '{}', 'a', 'b', 'c', 77, 'made up', '2001-01-01')`,
        [hub.tenant.id],
      ),
    )
    expect(await findings(hub)).toEqual([])
  })

  test('[AUD4] an entry that was altered, taken out or put in is found, whatever of it', async () => {
    await using hub = await startHub()
    await write(hub, 12)
    expect(await findings(hub)).toEqual([])
    // Entry 1 is the tenant's own.
    await tamper(
      hub,
      `update audit_logs set actor = '{"kind": "system", "name": "nobody"}' where number = 2`,
      `update audit_logs set after = jsonb_set(after, '{size}', '99') where number = 4`,
      `update audit_logs set created_at = created_at + interval '1 microsecond' where number = 6`,
      'update audit_logs set ip = null, request_id = $$r$$ where number = 8',
      'delete from audit_logs where number in (10, 11)',
    )
    expect(await findings(hub)).toEqual([
      ['altered', 2],
      ['altered', 4],
      ['altered', 6],
      ['altered', 8],
      ['missing', 11],
    ])
    await tamper(
      hub,
      `insert into audit_logs (tenant_id, number, hash, actor, action, entity, entity_id)
       select tenant_id, 10, hash, actor, action, entity, entity_id from audit_logs where number = 9`,
      `insert into audit_logs (tenant_id, number, hash, actor, action, entity, entity_id)
       select tenant_id, 14, hash, actor, action, entity, entity_id from audit_logs where number = 9`,
    )
    expect((await findings(hub)).slice(4)).toEqual([
      ['altered', 10],
      ['missing', 11],
      ['beyond_end', 13],
    ])
    const text = await cli(hub.environment, 'verify-audit', '--limit', '1')
    expect(text.stdout).toContain('main 2 altered: ')
    expect(text.stdout).toContain('main: 6 more')
  })

  test('[AUD4] an end that was cut off is found, and a chain that was computed anew by its anchor', async () => {
    await using hub = await startHub()
    await write(hub, 5)
    const { answer } = await cliJson<Verified>(hub.environment, 'verify-audit')
    const anchor = answer.tenants[0]?.end ?? ''
    expect(anchor).toMatch(/^6:[0-9a-f]{64}$/)
    await write(hub, 2)
    const anchored = () =>
      cliJson<Verified>(hub.environment, 'verify-audit', '--tenant', 'main', '--anchor', anchor)
    expect((await anchored()).answer.ok).toBe(true)
    await tamper(hub, 'delete from audit_logs where number > 6')
    expect(await findings(hub)).toEqual([['end_missing', 8]])
    // A forger who owns the server: changes an entry and computes everything behind it anew.
    await tamper(
      hub,
      `update audit_logs set action = 'thing.delete' where number = 6`,
      `update audit_logs a set hash = audit_hash((select hash from audit_logs where tenant_id = a.tenant_id and number = 5), a) where number = 6`,
      'update audit_heads h set number = 6, hash = (select hash from audit_logs where tenant_id = h.tenant_id and number = 6)',
    )
    expect(await findings(hub)).toEqual([])
    const { answer: caught, code } = await anchored()
    expect([code, caught.tenants[0]?.findings]).toEqual([
      1,
      [expect.objectContaining({ code: 'wrong_anchor', entry: 6 })],
    ])
    expect((await cli(hub.environment, 'verify-audit', '--anchor', anchor)).code).toBe(2)
    expect((await cli(hub.environment, 'verify-audit', '--tenant', 'main', '--anchor', '6')).code).toBe(2)
  })

  test('[AUD3] many writers at once make one chain in the order of commits; what is rolled back leaves no hole', async () => {
    await using hub = await startHub()
    const { tenant, deps } = hub
    const other = await hub.addTenant()
    const by = { actor: { kind: 'system', tenantId: tenant.id, name: 'a test' } } as const
    const one = (tenantId: string, i: number) =>
      inTenant(deps, tenantId, async (tx) => {
        recordAudit(tx, { by, action: 'thing.make', entity: 'thing', entityId: i })
        await tx
          .attempt(async () => {
            recordAudit(tx, { by, action: 'thing.lose', entity: 'thing', entityId: i })
            await tx.query('select 1 / 0')
          })
          .catch(() => {})
        recordAudit(tx, { by, action: 'thing.keep', entity: 'thing', entityId: i })
        if (i % 5 === 0) throw new Error('rolled back')
      })
    const done = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => one(i % 2 === 0 ? tenant.id : other.id, i)),
    )
    expect(done.filter(({ status }) => status === 'rejected')).toHaveLength(20)
    const { answer } = await cliJson<Verified>(hub.environment, 'verify-audit')
    expect(answer.tenants.map(({ entries, findings }) => [entries, findings])).toEqual([
      [81, []],
      [81, []],
    ])
    const rows = await asSuperuser(hub, (query) =>
      query(
        `select action, entity_id, created_at from audit_logs where tenant_id = '${tenant.id}' and number > 1 order by number`,
      ),
    )
    const times = rows.rows.map(({ created_at }: { created_at: Date }) => created_at.getTime())
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(rows.rows.map(({ action }: { action: string }) => action)).toEqual(
      Array.from({ length: 40 }, () => ['thing.make', 'thing.keep']).flat(),
    )
    for (let i = 0; i < rows.rows.length; i += 2)
      expect(rows.rows[i]?.entity_id).toBe(rows.rows[i + 1]?.entity_id)
  })

  test('[AUD3] rows from before the chain are numbered by their time and chained by the migration, per tenant', async () => {
    await using hub = await startHub()
    const other = await hub.addTenant()
    await write(hub, 3)
    await write(hub, 2, other.id)
    const migration = (way: string) =>
      readFileSync(join(import.meta.dirname, `../../migrations/000025_audit_chain.${way}.sql`), 'utf8')
    await asSuperuser(hub, async (query) => {
      await query(migration('down'))
      await query(
        `insert into audit_logs (tenant_id, actor, action, entity, entity_id, created_at)
         values ($1, '{}', 'thing.first', 'thing', '1', '2001-01-01')`,
        [hub.tenant.id],
      )
      await query(migration('up'))
    })
    await write(hub, 1)
    const { answer } = await cliJson<Verified>(hub.environment, 'verify-audit')
    expect(answer.tenants.map(({ entries, findings }) => [entries, findings])).toEqual([
      [6, []],
      [3, []],
    ])
    const { rows } = await asSuperuser(hub, (query) =>
      query('select number::integer from audit_logs where tenant_id = $1 order by created_at, id', [
        hub.tenant.id,
      ]),
    )
    expect(rows.map(({ number }: { number: number }) => number)).toEqual([1, 2, 3, 4, 5, 6])
  })
})
