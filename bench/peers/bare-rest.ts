import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { customerKind } from '../../src/domain/customers/customer-kind.ts'
import { serve } from '../parts/serve.ts'

/**
 * GET of one customer and of the newest 50, as little as Node and pg need for it: the same columns by statements that keep
 * their plans, texts passed on as they come. No framework, no right, no row security, no checks, no transaction.
 */
const pool = new pg.Pool({
  connectionString: process.argv[2],
  max: 10,
  types: {
    getTypeParser: ((oid: number, format?: 'text') =>
      oid === pg.types.builtins.TIMESTAMPTZ
        ? (text: string) => text
        : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  },
})

const one = `select ${customerKind.select} from customers r where r.tenant_id = $1 and r.id = $2`
const newest = `select ${customerKind.select} from customers r where r.tenant_id = $1 and r.deleted_at is null
  order by r.created_at desc, r.id desc limit 51`

async function answer(url: string, response: ServerResponse): Promise<void> {
  const [tenantId, id] = url.slice(1).split('/')
  const { rows } = await pool.query(
    id === undefined
      ? { name: 'newest', text: newest, values: [tenantId] }
      : { name: 'one', text: one, values: [tenantId, id] },
  )
  const text = JSON.stringify({ data: id === undefined ? rows.slice(0, 50) : rows[0] })
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

const server = createServer((request, response) => {
  void answer(request.url ?? '', response).catch((error: unknown) =>
    response.writeHead(500).end(String(error)),
  )
})
server.listen(0, '127.0.0.1', () => {
  serve({ port: () => (server.address() as AddressInfo).port })
})
