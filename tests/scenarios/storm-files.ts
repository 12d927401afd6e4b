import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { StartedUpload } from '../../src/contract/rest/media.ts'
import type { Console } from '../harness/console.ts'
import { storeClient } from '../media/media-hub.ts'
import { photo } from '../media/pictures.ts'
import type { System } from './system.ts'

/** Pictures that everybody sends: so few that equal files meet, as two workers fetch them. */
export type Album = readonly Buffer[]

export const paintAlbum = (): Promise<Album> => Promise.all([10, 90, 200].map((red) => photo(red)))

/** The id of a picture that somebody uploaded, as a browser does; undefined when some step got no answer. */
export async function uploadPicture(console: Console, picture: Buffer): Promise<string | undefined> {
  const input = { mimeType: 'image/jpeg', sizeBytes: picture.length, fileName: 'picture.jpg' }
  const answer = await console.ask<{ data: StartedUpload }>('POST', '/media', input)
  if (answer?.status !== 201) return undefined
  const { id, upload } = answer.body.data
  const response = await fetch(upload.url, {
    method: upload.method,
    headers: upload.headers,
    body: new Uint8Array(picture),
  })
  return response.ok ? id : undefined
}

/** Who failed at a file tries again after 10 s, 80 s, 11 min …, for which a test does not wait. */
export async function hurryFiles(system: System): Promise<void> {
  await system.asOwner(
    `update attachments set next_attempt_at = now() where state = 'pending' and next_attempt_at > now() + interval '1 second'`,
  )
}

interface HeldFiles {
  readonly received: number
  readonly sent: number
  readonly objects: number
  /** Rows and objects that do not fit together; empty in a good world. */
  readonly wrong: readonly string[]
}

interface FileRow {
  id: string
  direction: 'in' | 'out'
  state: string
  object_key: string | null
  thumbnail_key: string | null
  file: string | null
}

/**
 * Whether what people sent is in the store as they sent it: every row that says "stored" has its bytes there, every file of a
 * customer one event that says so, and no object is there that no row and no sweep knows.
 */
export async function heldFiles(system: System, album: Album): Promise<HeldFiles> {
  const rows = await system.asOwner<FileRow>(
    `select id, direction, state, object_key, thumbnail_key, ref->>'id' as file from attachments`,
  )
  const said = await system.asOwner<{ id: string; count: number }>(
    `select m.attachment_id as id, count(*)::integer from events e join messages m on m.id::text = e.payload->'message'->>'id'
     where e.type = 'message.media_stored' group by 1`,
  )
  const announced = new Map(said.map(({ id, count }) => [id, count]))
  const digests = await digestsIn(system)
  const painted = album.map(digestOf)
  const wrong: string[] = []
  for (const row of rows) {
    const { id, direction, state } = row
    const is = `${direction} ${id} is ${state}`
    if (direction === 'in' && state !== 'stored') wrong.push(is)
    if (direction === 'in' && announced.get(id) !== 1)
      wrong.push(`${is}, announced ${announced.get(id)} times`)
    if (state !== 'stored') continue
    const digest = digests.get(row.object_key ?? '')
    const meant = direction === 'in' ? [system.network.digestOf(row.file ?? '')] : painted
    if (digest === undefined || !meant.includes(digest)) wrong.push(`${is}, its bytes are others: ${digest}`)
    // Of what we send we make none: browsers have the picture.
    if (direction === 'in' && !digests.has(row.thumbnail_key ?? ''))
      wrong.push(`${is}, without its thumbnail`)
  }
  const strays = await system.asOwner<{ key: string }>('select key from stray_objects')
  const known = new Set([
    ...rows.flatMap(({ object_key, thumbnail_key }) => [object_key, thumbnail_key]),
    ...strays.map(({ key }) => key),
  ])
  for (const key of digests.keys()) if (!known.has(key)) wrong.push(`nobody knows ${key}`)
  return {
    received: rows.filter(({ direction }) => direction === 'in').length,
    sent: rows.filter(({ direction, state }) => direction === 'out' && state === 'stored').length,
    objects: digests.size,
    wrong,
  }
}

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Digests of everything in the bucket, by key. */
async function digestsIn({ hub }: System): Promise<Map<string, string>> {
  const client = storeClient(hub)
  const bucket = hub.config.S3_BUCKET
  const digests = new Map<string, string>()
  for await (const { name } of client.listObjectsV2(bucket, '', true) as AsyncIterable<{ name: string }>) {
    const bytes = await buffer(await client.getObject(bucket, name))
    digests.set(name, digestOf(bytes))
  }
  return digests
}
