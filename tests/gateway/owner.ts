import pg from 'pg'
import type { Hub } from '../harness/hub.ts'

/** Statements as the owner of the tables and above row security: what an operator or an accident does. */
export async function withTenantOwner<T>(
  hub: Pick<Hub, 'config'>,
  work: (query: (text: string, values?: unknown[]) => Promise<pg.QueryResult>) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: hub.config.DATABASE_URL })
  await client.connect()
  try {
    return await work((text, values) => client.query(text, values))
  } finally {
    await client.end()
  }
}
