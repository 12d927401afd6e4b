import { Client } from 'minio'
import { describe, expect, test } from 'vitest'
import { type SignedParts, verifySignature } from './signature.ts'

const credentials = { accessKey: 'key', secretKey: 'secret' }
const client = new Client({
  endPoint: '127.0.0.1',
  port: 9000,
  useSSL: false,
  region: 'us-east-1',
  ...credentials,
})
const signedAt = new Date('2026-01-31T23:59:58Z')
const after = (seconds: number) => new Date(signedAt.getTime() + seconds * 1000)

/** A presigned GET, as the server receives it. */
async function presigned(seconds: number): Promise<SignedParts> {
  const url = new URL(await client.presignedGetObject('bucket', 'a key', seconds, {}, signedAt))
  return { method: 'GET', rawPath: url.pathname, rawQuery: url.search.slice(1), headers: { host: url.host } }
}

describe('a presigned address', () => {
  test('holds to its last second and not one longer', async () => {
    const request = await presigned(60)
    expect(verifySignature(request, credentials, after(60)).anonymous).toBe(false)
    expect(() => verifySignature(request, credentials, after(61))).toThrow('Request has expired')
  })

  test('lives at most seven days', async () => {
    const week = await presigned(604_800)
    expect(verifySignature(week, credentials, after(604_800)).anonymous).toBe(false)
    const longer = { ...week, rawQuery: week.rawQuery.replace('604800', '604801') }
    expect(() => verifySignature(longer, credentials, after(0))).toThrow('between 1 and 604800')
  })

  test('from a clock that is 15 minutes ahead is taken, from one further ahead is not', async () => {
    const request = await presigned(60)
    expect(verifySignature(request, credentials, after(-900)).anonymous).toBe(false)
    expect(() => verifySignature(request, credentials, after(-901))).toThrow('not valid yet')
  })

  test('does not cover x-amz headers that were not signed', async () => {
    const request = await presigned(60)
    const headers = { ...request.headers, 'x-amz-acl': 'public-read' }
    expect(() => verifySignature({ ...request, headers }, credentials, after(0))).toThrow('x-amz-acl')
  })
})

test('a request without any signature is anonymous', () => {
  const request = { method: 'GET', rawPath: '/b/k', rawQuery: '', headers: { host: 'h' } }
  expect(verifySignature(request, credentials, signedAt)).toEqual({ anonymous: true, bodySha256: undefined })
})

test('uploads in signed chunks are refused by name', () => {
  const authorization = `AWS4-HMAC-SHA256 Credential=key/20260131/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
  const headers = {
    host: 'h',
    authorization,
    'x-amz-date': '20260131T235958Z',
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  }
  const request = { method: 'PUT', rawPath: '/b/k', rawQuery: '', headers }
  expect(() => verifySignature(request, credentials, signedAt)).toThrow('aws-chunked')
})
