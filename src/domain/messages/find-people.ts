import type { TenantTx } from '../../log/tenant-tx.ts'
import type { Identity, Person } from '../../providers/inbound.ts'
import { contactNameSql } from '../conversations/conversation-row.ts'

/** A contact that a network's words are about. */
export interface FoundPerson {
  readonly id: number
  readonly name: string
}

/** Whom a conversation is with. */
export interface Chat {
  readonly contactId: number
  readonly isGroup: boolean
  readonly name: string
}

/** A phone number and a wa_id are one address in two roles. */
export function spelled({ kind, value }: Identity): string {
  return `${kind === 'wa_id' ? 'phone' : kind}:${value}`
}

/** Looks up contacts by any of their addresses, in one statement; undefined: nobody has any of them. Makes none. */
export async function findPeople(
  tx: TenantTx,
  people: readonly Person[],
): Promise<(person: Person) => FoundPerson | undefined> {
  // A username is shown; it may change hands.
  const keysOf = ({ identities }: Person) => identities.filter(({ kind }) => kind !== 'username')
  const wanted = people.flatMap(keysOf).flatMap((identity) => {
    const { kind, value } = identity
    return kind === 'phone' || kind === 'wa_id'
      ? [
          { kind: 'phone', value },
          { kind: 'wa_id', value },
        ]
      : [identity]
  })
  if (wanted.length === 0) return () => undefined
  const rows = await tx.query<{ kind: Identity['kind']; value: string; id: number; name: string }>(
    `select a.kind, a.value, ct.id, ${contactNameSql} as name
     from (select distinct kind, value from unnest($2::text[], $3::text[]) as w(kind, value)) w
     join contact_identities a on a.tenant_id = $1 and a.kind = w.kind and a.value = w.value
     join contacts ct on ct.tenant_id = $1 and ct.id = a.contact_id`,
    [tx.tenantId, wanted.map(({ kind }) => kind), wanted.map(({ value }) => value)],
  )
  const found = new Map(rows.map(({ id, name, ...identity }) => [spelled(identity), { id, name }]))
  return (person) =>
    keysOf(person)
      .map((identity) => found.get(spelled(identity)))
      .find((one) => one !== undefined)
}

/** Whom conversations are with, by conversation id. One statement. */
export async function findChats(
  tx: TenantTx,
  conversationIds: readonly string[],
): Promise<Map<string, Chat>> {
  const rows = await tx.query<{ id: string; contact_id: number; is_group: boolean; name: string }>(
    `select c.id, c.contact_id, ct.is_group, ${contactNameSql} as name from conversations c
     join contacts ct on ct.tenant_id = c.tenant_id and ct.id = c.contact_id
     where c.tenant_id = $1 and c.id = any($2)`,
    [tx.tenantId, [...new Set(conversationIds)]],
  )
  return new Map(
    rows.map((row) => [row.id, { contactId: row.contact_id, isGroup: row.is_group, name: row.name }]),
  )
}
