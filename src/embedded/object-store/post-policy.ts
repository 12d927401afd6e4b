import { keptHeaders } from './object-headers.ts'
import { type UploadForm, readUploadForm } from './form-data.ts'
import { saveReceived } from './objects.ts'
import { answer, MAX_BODY_BYTES, requireBucket, type S3Request, type Store } from './s3-request.ts'
import { S3Error } from './s3-error.ts'
import { isSignature, parseCredential } from './signature.ts'
import { uriEncodePath } from './uri.ts'
import { document, leaf } from './xml.ts'

/** Fields that a policy need not mention (S3 API, "POST Policy"). */
const exempt = new Set(['x-amz-signature', 'file', 'policy'])

/**
 * POST of a form to a bucket, as browsers send it: the form carries a policy that our key has signed, and may hold only
 * what the policy allows.
 */
export async function postObject(store: Store, request: S3Request): Promise<void> {
  const { bucket } = request
  requireBucket(store, bucket)
  const form = await readUploadForm(request.headers['content-type'], request.incoming)
  const { fields } = form
  const limits = checkPolicy(store, bucket, form)
  const key = (fields.get('key') ?? '').replaceAll('${filename}', form.fileName)
  if (key === '') throw new S3Error('InvalidArgument', 'the form has no key')
  if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError', 'a key has at most 1024 bytes')
  const headers = keptHeaders(Object.fromEntries(fields))

  const { blob, size, md5 } = await store.blobs.write(form.file, limits.max)
  if (size < limits.min) {
    store.blobs.discard([blob])
    throw new S3Error('EntityTooSmall', `the policy asks for at least ${limits.min} bytes`)
  }
  const stored = { bucket, key, size, etag: md5, modifiedAt: store.now(), headers, tags: {} }
  saveReceived(store, { ...stored, pieces: [{ blob, size }] })

  const location = `http://${request.headers['host']}/${bucket}/${uriEncodePath(key)}`
  const common = { etag: `"${md5}"`, location }
  const redirect = fields.get('success_action_redirect')
  if (redirect !== undefined && URL.canParse(redirect)) {
    const target = new URL(redirect)
    for (const [name, value] of Object.entries({ bucket, key, etag: common.etag }))
      target.searchParams.set(name, value)
    return answer(request, 303, '', { ...common, location: target.href })
  }
  const status = fields.get('success_action_status')
  if (status !== '201') return answer(request, status === '200' ? 200 : 204, '', common)
  const result = [
    leaf('Location', location),
    leaf('Bucket', bucket),
    leaf('Key', key),
    leaf('ETag', common.etag),
  ]
  answer(request, 201, document('PostResponse', ...result), common)
}

/** Checks the form against its signed policy; returns the sizes that the file may have. */
function checkPolicy(store: Store, bucket: string, { fields }: UploadForm): { min: number; max: number } {
  const encoded = fields.get('policy')
  if (encoded === undefined) throw new S3Error('AccessDenied', 'the form has no policy')
  if (fields.get('x-amz-algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new S3Error('InvalidArgument', 'x-amz-algorithm must be AWS4-HMAC-SHA256')
  }
  const scope = parseCredential(fields.get('x-amz-credential') ?? '', store.credentials)
  if (!isSignature(fields.get('x-amz-signature') ?? '', encoded, scope, store.credentials)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'the signature is not the one we calculate from the policy and your key',
    )
  }
  const policy = parsePolicy(encoded)
  if (!(Date.parse(policy.expiration) > store.now().getTime())) {
    throw new S3Error('AccessDenied', 'Invalid according to Policy: Policy expired.')
  }
  const values = new Map([...fields, ['bucket', bucket]])
  const mentioned = new Set<string>()
  const sizes = { min: 0, max: MAX_BODY_BYTES }
  for (const condition of policy.conditions.flatMap(normalize)) {
    if (condition.kind === 'content-length-range') {
      Object.assign(sizes, { min: condition.min, max: Math.min(condition.max, sizes.max) })
      continue
    }
    const value = values.get(condition.field) ?? ''
    mentioned.add(condition.field)
    const holds = condition.kind === 'eq' ? value === condition.value : value.startsWith(condition.value)
    if (!holds) {
      throw new S3Error(
        'AccessDenied',
        `Invalid according to Policy: ${condition.kind} of ${condition.field} failed`,
      )
    }
  }
  const extra = [...fields.keys()].find(
    (name) => !exempt.has(name) && !name.startsWith('x-ignore-') && !mentioned.has(name),
  )
  if (extra !== undefined)
    throw new S3Error('AccessDenied', `Invalid according to Policy: extra input field ${extra}`)
  return sizes
}

function parsePolicy(encoded: string): { expiration: string; conditions: unknown[] } {
  try {
    const policy = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as Record<string, unknown>
    const { expiration, conditions } = policy
    if (typeof expiration === 'string' && Array.isArray(conditions)) return { expiration, conditions }
  } catch {
    // Falls through to the same refusal as a document of another shape.
  }
  throw new S3Error('InvalidPolicyDocument', 'the policy is not JSON with expiration and conditions')
}

type Condition =
  | { kind: 'eq' | 'starts-with'; field: string; value: string }
  | { kind: 'content-length-range'; min: number; max: number }

/** `{field: value}`, `["eq", "$field", value]`, `["starts-with", "$field", value]`, `["content-length-range", min, max]`. */
function normalize(condition: unknown): Condition[] {
  if (Array.isArray(condition)) {
    const [kind, first, second] = condition as unknown[]
    if (kind === 'content-length-range') {
      const [min, max] = [Number(first), Number(second)]
      if (Number.isInteger(min) && Number.isInteger(max)) return [{ kind, min, max }]
    }
    if ((kind === 'eq' || kind === 'starts-with') && typeof first === 'string' && first.startsWith('$')) {
      return [{ kind, field: first.slice(1).toLowerCase(), value: String(second) }]
    }
  } else if (typeof condition === 'object' && condition !== null) {
    return Object.entries(condition).map(([field, value]) => ({
      kind: 'eq',
      field: field.toLowerCase(),
      value: String(value),
    }))
  }
  throw new S3Error(
    'InvalidPolicyDocument',
    `the policy has a condition that we do not know: ${JSON.stringify(condition)}`,
  )
}
