import { expect, test } from 'vitest'
import { Blobs } from './blobs.ts'
import { expire, parseLifecycle } from './lifecycle.ts'
import { ObjectIndex } from './object-index.ts'
import type { Store } from './s3-request.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const rule = (inner: string) =>
  `<LifecycleConfiguration><Rule><Status>Enabled</Status>${inner}</Rule></LifecycleConfiguration>`

test('objects and unfinished uploads go when they are older than the rule says, others stay', () => {
  const directory = mkdtempSync(join(tmpdir(), 'switchboard-lifecycle-'))
  const index = new ObjectIndex(':memory:', false)
  let now = new Date('2026-01-01T00:00:00Z')
  const store: Store = {
    index,
    blobs: new Blobs(directory, false),
    credentials: { accessKey: '', secretKey: '' },
    region: '',
    now: () => now,
  }
  index.addBucket('b', now)
  const common = { bucket: 'b', size: 0, etag: '', modifiedAt: now, headers: {}, tags: {}, pieces: [] }
  for (const key of ['tmp/a', 'tmp/b', 'kept']) index.saveObject({ ...common, key })
  index.addUpload({ id: 'u', bucket: 'b', key: 'tmp/u', startedAt: now, headers: {}, tags: {} })
  const aborts =
    '<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>'
  index.saveSetting(
    'b',
    'lifecycle',
    rule(`<Filter><Prefix>tmp/</Prefix></Filter><Expiration><Days>7</Days></Expiration>${aborts}`),
  )
  const keys = () => index.objectsAfter('b', '', '', 10).map(({ key }) => key)

  now = new Date('2026-01-08T00:00:00Z')
  expire(store)
  expect(keys()).toEqual(['kept', 'tmp/a', 'tmp/b'])
  expect(index.uploads('b')).toEqual([])
  now = new Date('2026-01-08T00:00:01Z')
  expire(store)
  expect(keys()).toEqual(['kept'])
  index.close()
  rmSync(directory, { recursive: true })
})

test.each(['<Expiration><Date>2026-01-01</Date></Expiration>', '<Transition><Days>1</Days></Transition>'])(
  'what would not be carried out is refused: %s',
  (inner) => {
    expect(() => parseLifecycle(rule(inner))).toThrow('not supported')
  },
)
