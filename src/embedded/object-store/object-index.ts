import { DatabaseSync } from 'node:sqlite'
import type { Piece } from './blobs.ts'

/** What is known of an object beside its bytes. */
export interface ObjectRow {
  bucket: string
  key: string
  size: number
  /** Without quotes: MD5 in hex, or for a multipart upload the MD5 of the parts' MD5s, a dash, and their count. */
  etag: string
  modifiedAt: Date
  /** Headers to give back with it: content-type and the like, and x-amz-meta-*. */
  headers: Record<string, string>
  tags: Record<string, string>
  pieces: Piece[]
}

export interface UploadRow {
  id: string
  bucket: string
  key: string
  startedAt: Date
  headers: Record<string, string>
  tags: Record<string, string>
}

export interface PartRow extends Piece {
  number: number
  etag: string
  modifiedAt: Date
}

/** Sorts behind every character that a key is likely to hold: the end of all keys with a common beginning. */
export const LAST_CHARACTER = '\u{10FFFF}'

/** Settings of a bucket that are kept as the text they came in. */
export type BucketSetting = 'policy' | 'lifecycle'

const schema = `
  create table if not exists buckets (name text primary key, created_at integer not null, policy text, lifecycle text);
  create table if not exists objects (
    bucket text not null, key text not null, size integer not null, etag text not null, modified_at integer not null,
    headers text not null, tags text not null, pieces text not null, primary key (bucket, key)
  ) without rowid;
  create table if not exists uploads (
    id text primary key, bucket text not null, key text not null, started_at integer not null,
    headers text not null, tags text not null
  );
  create table if not exists parts (
    upload text not null, number integer not null, size integer not null, etag text not null,
    modified_at integer not null, blob text not null, primary key (upload, number)
  ) without rowid;
`

type Row = Record<string, string | number | null>

/**
 * The directory of buckets, objects and unfinished uploads, in SQLite. Each method is one statement or one transaction,
 * and synchronous: nothing else of this process can come in between. Methods that drop references to files return
 * those files, for the caller to discard after the commit.
 */
export class ObjectIndex {
  readonly #db: DatabaseSync

  constructor(file: string, durable: boolean) {
    this.#db = new DatabaseSync(file)
    this.#db.exec(`pragma journal_mode = wal; pragma synchronous = ${durable ? 'full' : 'off'}; ${schema}`)
  }

  close(): void {
    this.#db.close()
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#db.prepare(sql).all(...values) as Row[]
  }

  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#db.prepare(sql).run(...values).changes)
  }

  #atomically<T>(work: () => T): T {
    this.#db.exec('begin immediate')
    try {
      const result = work()
      this.#db.exec('commit')
      return result
    } catch (error) {
      this.#db.exec('rollback')
      throw error
    }
  }

  /** Every file that an object or an unfinished upload consists of. */
  referredBlobs(): Set<string> {
    const ofObjects = this.#all('select pieces from objects').flatMap((row) => blobsOf(piecesOf(row)))
    return new Set([...ofObjects, ...this.#all('select blob from parts').map((row) => String(row['blob']))])
  }

  buckets(): { name: string; createdAt: Date }[] {
    return this.#all('select name, created_at from buckets order by name').map((row) => ({
      name: String(row['name']),
      createdAt: new Date(Number(row['created_at'])),
    }))
  }

  hasBucket(name: string): boolean {
    return this.#all('select 1 from buckets where name = ?', name).length > 0
  }

  /** False when there is one of that name. */
  addBucket(name: string, now: Date): boolean {
    return (
      this.#run('insert or ignore into buckets (name, created_at) values (?, ?)', name, now.getTime()) > 0
    )
  }

  /** False when it still holds objects. Unfinished uploads go with it. */
  removeBucket(name: string): { removed: boolean; blobs: string[] } {
    return this.#atomically(() => {
      if (this.#all('select 1 from objects where bucket = ? limit 1', name).length > 0)
        return { removed: false, blobs: [] }
      const blobs = this.uploads(name).flatMap((upload) => this.#dropUpload(upload.id))
      this.#run('delete from buckets where name = ?', name)
      return { removed: true, blobs }
    })
  }

  setting(bucket: string, name: BucketSetting): string | undefined {
    const value = this.#all(`select ${name} as value from buckets where name = ?`, bucket)[0]?.['value']
    return typeof value === 'string' ? value : undefined
  }

  saveSetting(bucket: string, name: BucketSetting, value: string | null): void {
    this.#run(`update buckets set ${name} = ? where name = ?`, value, bucket)
  }

  object(bucket: string, key: string): ObjectRow | undefined {
    const row = this.#all('select * from objects where bucket = ? and key = ?', bucket, key)[0]
    return row && objectOf(row)
  }

  /** Puts an object in place of what was there; returns the files of the latter. */
  saveObject(object: ObjectRow): string[] {
    return this.#atomically(() => this.#replace(object))
  }

  #replace(object: ObjectRow): string[] {
    const before = this.object(object.bucket, object.key)
    this.#run(
      'insert or replace into objects values (?, ?, ?, ?, ?, ?, ?, ?)',
      object.bucket,
      object.key,
      object.size,
      object.etag,
      object.modifiedAt.getTime(),
      JSON.stringify(object.headers),
      JSON.stringify(object.tags),
      JSON.stringify(object.pieces),
    )
    const kept = new Set(blobsOf(object.pieces))
    return blobsOf(before?.pieces ?? []).filter((blob) => !kept.has(blob))
  }

  removeObject(bucket: string, key: string): string[] {
    return this.#all(
      'delete from objects where bucket = ? and key = ? returning pieces',
      bucket,
      key,
    ).flatMap((row) => blobsOf(piecesOf(row)))
  }

  /** Objects whose key is greater than `after` and begins with `prefix`, in the order of their UTF-8 bytes. */
  objectsAfter(bucket: string, prefix: string, after: string, limit: number): ObjectRow[] {
    const sql = `select * from objects where bucket = ? and key > ? and key >= ? and key < ? order by key limit ?`
    return this.#all(sql, bucket, after, prefix, `${prefix}${LAST_CHARACTER}`, limit).map(objectOf)
  }

  addUpload(upload: UploadRow): void {
    this.#run(
      'insert into uploads values (?, ?, ?, ?, ?, ?)',
      upload.id,
      upload.bucket,
      upload.key,
      upload.startedAt.getTime(),
      JSON.stringify(upload.headers),
      JSON.stringify(upload.tags),
    )
  }

  upload(id: string): UploadRow | undefined {
    return this.#all('select * from uploads where id = ?', id).map(uploadOf)[0]
  }

  uploads(bucket: string): UploadRow[] {
    return this.#all('select * from uploads where bucket = ? order by key, started_at, id', bucket).map(
      uploadOf,
    )
  }

  /** Saves a part in place of an earlier one of that number; returns the latter's file. */
  savePart(upload: string, part: PartRow): string[] {
    return this.#atomically(() => {
      const sql = 'select blob from parts where upload = ? and number = ?'
      const before = this.#all(sql, upload, part.number).map((row) => String(row['blob']))
      this.#run(
        'insert or replace into parts values (?, ?, ?, ?, ?, ?)',
        upload,
        part.number,
        part.size,
        part.etag,
        part.modifiedAt.getTime(),
        part.blob,
      )
      return before
    })
  }

  parts(upload: string): PartRow[] {
    return this.#all('select * from parts where upload = ? order by number', upload).map((row) => ({
      number: Number(row['number']),
      size: Number(row['size']),
      etag: String(row['etag']),
      modifiedAt: new Date(Number(row['modified_at'])),
      blob: String(row['blob']),
    }))
  }

  /** Ends an upload as an object; returns the files of what it replaced and of parts that it does not use. */
  finishUpload(upload: string, object: ObjectRow): string[] {
    return this.#atomically(() => {
      const used = new Set(blobsOf(object.pieces))
      const unused = this.#dropUpload(upload).filter((blob) => !used.has(blob))
      return [...unused, ...this.#replace(object)]
    })
  }

  abortUpload(upload: string): string[] {
    return this.#atomically(() => this.#dropUpload(upload))
  }

  #dropUpload(upload: string): string[] {
    const blobs = this.parts(upload).map((part) => part.blob)
    this.#run('delete from parts where upload = ?', upload)
    this.#run('delete from uploads where id = ?', upload)
    return blobs
  }
}

function blobsOf(pieces: readonly Piece[]): string[] {
  return pieces.map((piece) => piece.blob)
}

function piecesOf(row: Row): Piece[] {
  return JSON.parse(String(row['pieces'])) as Piece[]
}

function textsOf(row: Row, column: string): Record<string, string> {
  return JSON.parse(String(row[column])) as Record<string, string>
}

function objectOf(row: Row): ObjectRow {
  return {
    bucket: String(row['bucket']),
    key: String(row['key']),
    size: Number(row['size']),
    etag: String(row['etag']),
    modifiedAt: new Date(Number(row['modified_at'])),
    headers: textsOf(row, 'headers'),
    tags: textsOf(row, 'tags'),
    pieces: piecesOf(row),
  }
}

function uploadOf(row: Row): UploadRow {
  return {
    id: String(row['id']),
    bucket: String(row['bucket']),
    key: String(row['key']),
    startedAt: new Date(Number(row['started_at'])),
    headers: textsOf(row, 'headers'),
    tags: textsOf(row, 'tags'),
  }
}
