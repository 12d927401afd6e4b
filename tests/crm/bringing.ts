import { expect } from 'vitest'
import type { CustomerView } from '../../src/contract/crm/customer.ts'
import { type ImportView, importView } from '../../src/contract/crm/import.ts'
import { createdImport, type CreatedImport } from '../../src/contract/rest/imports.ts'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import type { Hub } from '../harness/hub.ts'
import { type RestClient, startRestOf } from '../harness/rest-client.ts'

/** REST and workers of a hub. */
export async function openWithWorkers(hub: Hub): Promise<RestClient> {
  const workers = startWorkers(hub.deps)
  hub.onClose(() => workers.close())
  return startRestOf(hub)
}

/** Announces a file and uploads it. */
export async function upload(
  rest: RestClient,
  token: string,
  file: string | Uint8Array<ArrayBuffer>,
  more: object = {},
): Promise<ImportView> {
  const made = await rest.call<{ data: CreatedImport }>('POST', '/admin/imports', {
    token,
    json: { entity: 'customer', ...more },
  })
  expect(made.status, made.text).toBe(201)
  const { import: brought, upload: to } = createdImport.parse(made.body.data)
  const put = await fetch(to.url, { method: to.method, headers: to.headers, body: file })
  expect(put.status).toBe(200)
  return brought
}

/** Lets the workers begin with it. */
export const start = (rest: RestClient, token: string, id: string) =>
  rest.call<{ data: ImportView }>('POST', `/admin/imports/${id}/start`, { token })

/** How far it is. */
export async function get(rest: RestClient, token: string, id: string): Promise<ImportView> {
  const { body } = await rest.call<{ data: ImportView }>('GET', `/admin/imports/${id}`, { token })
  return importView.parse(body.data)
}

/** Brings a file and waits for its end. */
export async function bring(...[rest, token, file, more]: Parameters<typeof upload>): Promise<ImportView> {
  const { id } = await upload(rest, token, file, more)
  expect((await start(rest, token, id)).body.data.state).toBe('queued')
  return ended(rest, token, id)
}

/** Asks for its end, so rarely that it uses up nobody's REST_RATE_PER_MINUTE; thousands of rows take longer on a busy machine. */
export function ended(rest: RestClient, token: string, id: string, withinMs = 30_000): Promise<ImportView> {
  return eventually(
    async () => {
      const view = await get(rest, token, id)
      if (view.finishedAt === null) throw new Error(`not at its end: ${JSON.stringify(view)}`)
      return view
    },
    withinMs,
    100,
  )
}

/** What was wrong with its rows, as CSV. */
export const errorsOf = async (rest: RestClient, token: string, id: string) =>
  (await rest.call('GET', `/admin/imports/${id}/errors`, { token })).text.replace(/^\uFEFF/, '')

/** All customers, by name. */
export async function customers(rest: RestClient, token: string): Promise<CustomerView[]> {
  const found: CustomerView[] = []
  for (let cursor = ''; ; ) {
    const { body } = await rest.call<{ data: CustomerView[]; nextCursor: string | null }>(
      'GET',
      `/admin/customers?sort=name&limit=200${cursor}`,
      { token },
    )
    found.push(...body.data)
    if (body.nextCursor === null) return found
    cursor = `&cursor=${body.nextCursor}`
  }
}
