import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { signatureFits, signatureOf } from './signature.ts'

interface Vectors {
  readonly appSecret: string
  readonly vectors: readonly {
    readonly rawBody: string
    readonly 'x-hub-signature-256': string
    readonly valid: boolean
  }[]
}
const { appSecret, vectors } = JSON.parse(
  readFileSync(
    new URL('../../tests/fixtures/whatsapp/send/cloud-webhook-signature-vectors.json', import.meta.url),
    'utf8',
  ),
) as Vectors

describe('signatures of webhooks', () => {
  test.each(vectors.map((vector, index) => [index, vector] as const))('vector %i', (_, vector) => {
    expect(signatureFits(Buffer.from(vector.rawBody), vector['x-hub-signature-256'], appSecret)).toBe(
      vector.valid,
    )
  })

  const body = Buffer.from('{"a":1}')
  const good = signatureOf(body, 'secret')

  test('what we sign is what we accept', () => {
    expect(good).toMatch(/^sha256=[0-9a-f]{64}$/)
    expect(signatureFits(body, good, 'secret')).toBe(true)
  })

  test.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['upper-case hex', good.replace(/=.*/, (hex) => hex.toUpperCase())],
    ['an upper-case name', good.replace('sha256', 'SHA256')],
    ['the legacy sha1', good.replace('sha256', 'sha1')],
    ['no name', good.slice(7)],
    ['a digit too few', good.slice(0, -1)],
    ['a digit too many', `${good}0`],
    ['a line break at the end', `${good}\n`],
    ['a space before', ` ${good}`],
    ['two signatures', `${good},${good}`],
    ['another digest', `sha256=${'0'.repeat(64)}`],
  ])('%s is refused', (_, header) => {
    expect(signatureFits(body, header, 'secret')).toBe(false)
  })

  test('another secret, and an empty one, sign nothing', () => {
    expect(signatureFits(body, good, 'Secret')).toBe(false)
    expect(signatureFits(body, signatureOf(body, ''), '')).toBe(false)
  })
})
