import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { S3Error } from './s3-error.ts'
import { parseQuery, uriDecode, uriEncode, uriEncodePath } from './uri.ts'

/** The one account of the store. */
export interface Credentials {
  accessKey: string
  secretKey: string
}

/** The parts of a request that a signature covers. Header names are lower case, as Node gives them. */
export interface SignedParts {
  method: string
  /** Path as received, still encoded. */
  rawPath: string
  rawQuery: string
  headers: Record<string, string | undefined>
}

/** Who sent the request, and what its body must hash to (undefined: the sender did not commit to a body). */
export interface Verified {
  anonymous: boolean
  bodySha256: string | undefined
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** S3 refuses clocks that differ more than 15 minutes. */
const MAX_SKEW_MS = 15 * 60_000
/** S3's longest life of a presigned address: seven days. */
const MAX_EXPIRES_S = 604_800

/**
 * Checks a Signature Version 4 (AWS General Reference, "Signature Version 4"; S3 API, "Authenticating requests"), which
 * comes in the Authorization header or in the query of a presigned address. A request with neither is anonymous.
 * Throws the same codes as S3.
 */
export function verifySignature(request: SignedParts, credentials: Credentials, now: Date): Verified {
  const authorization = request.headers['authorization']
  if (authorization !== undefined) return verifyHeader(request, authorization, credentials, now)
  const query = new Map(parseQuery(request.rawQuery))
  if (query.has('X-Amz-Signature') || query.has('X-Amz-Algorithm'))
    return verifyQuery(request, query, credentials, now)
  return { anonymous: true, bodySha256: undefined }
}

function verifyHeader(
  request: SignedParts,
  authorization: string,
  credentials: Credentials,
  now: Date,
): Verified {
  const form =
    /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/
  const [, credential = '', signedHeaders = '', signature = ''] = form.exec(authorization.trim()) ?? []
  if (signature === '') {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      `the Authorization header is not of the form of ${ALGORITHM}`,
    )
  }
  const stamp = request.headers['x-amz-date'] ?? ''
  const signedAt = parseStamp(stamp)
  if (Math.abs(now.getTime() - signedAt) > MAX_SKEW_MS) {
    throw new S3Error('RequestTimeTooSkewed', 'the clocks of client and store differ by more than 15 minutes')
  }
  const bodyHash = request.headers['x-amz-content-sha256']
  if (bodyHash === undefined) throw new S3Error('InvalidRequest', 'x-amz-content-sha256 is missing')
  if (bodyHash.startsWith('STREAMING-')) {
    throw new S3Error('NotImplemented', 'uploads in signed chunks (aws-chunked) are not supported')
  }
  check(
    request,
    { credential, signedHeaders, signature, stamp, bodyHash, rawQuery: request.rawQuery },
    credentials,
  )
  return { anonymous: false, bodySha256: bodyHash === 'UNSIGNED-PAYLOAD' ? undefined : bodyHash }
}

function verifyQuery(
  request: SignedParts,
  query: Map<string, string>,
  credentials: Credentials,
  now: Date,
): Verified {
  const get = (name: string) => {
    const value = query.get(name)
    if (value === undefined) throw new S3Error('AuthorizationQueryParametersError', `${name} is missing`)
    return value
  }
  if (get('X-Amz-Algorithm') !== ALGORITHM) {
    throw new S3Error('AuthorizationQueryParametersError', `only ${ALGORITHM} is supported`)
  }
  const expiresS = Number(get('X-Amz-Expires'))
  if (!Number.isInteger(expiresS) || expiresS < 1 || expiresS > MAX_EXPIRES_S) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      `X-Amz-Expires must be between 1 and ${MAX_EXPIRES_S}`,
    )
  }
  const stamp = get('X-Amz-Date')
  const signedAt = parseStamp(stamp)
  if (signedAt - now.getTime() > MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not valid yet')
  if (now.getTime() > signedAt + expiresS * 1000) throw new S3Error('AccessDenied', 'Request has expired')
  const bodyHash = request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
  const rawQuery = request.rawQuery
    .split('&')
    .filter((pair) => !pair.startsWith('X-Amz-Signature='))
    .join('&')
  const [credential, signedHeaders, signature] = [
    get('X-Amz-Credential'),
    get('X-Amz-SignedHeaders'),
    get('X-Amz-Signature'),
  ]
  check(request, { credential, signedHeaders, signature, stamp, bodyHash, rawQuery }, credentials)
  return { anonymous: false, bodySha256: bodyHash === 'UNSIGNED-PAYLOAD' ? undefined : bodyHash }
}

interface Claim {
  credential: string
  signedHeaders: string
  signature: string
  /** x-amz-date: YYYYMMDDTHHMMSSZ. */
  stamp: string
  bodyHash: string
  rawQuery: string
}

function check(request: SignedParts, claim: Claim, credentials: Credentials): void {
  const scope = parseCredential(claim.credential, credentials)
  if (!claim.stamp.startsWith(scope.date)) {
    throw new S3Error('SignatureDoesNotMatch', 'the dates of the credential and of the request differ')
  }
  const names = claim.signedHeaders.split(';')
  const unsigned = Object.keys(request.headers).filter(
    (name) => name.startsWith('x-amz-') && !names.includes(name),
  )
  // A presigned address may be used by a client that adds the body's hash on its own.
  const forgotten = unsigned.filter((name) => name !== 'x-amz-content-sha256')
  if (!names.includes('host') || forgotten.length > 0) {
    throw new S3Error(
      'AccessDenied',
      `headers that must be signed are not: ${['host', ...forgotten].join(', ')}`,
    )
  }
  const canonical = [
    request.method,
    uriEncodePath(uriDecode(request.rawPath)),
    canonicalQuery(claim.rawQuery),
    ...names.map((name) => `${name}:${(request.headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    claim.signedHeaders,
    claim.bodyHash,
  ].join('\n')
  const text = [
    ALGORITHM,
    claim.stamp,
    scope.text,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n')
  if (!isSignature(claim.signature, text, scope, credentials)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'the signature is not the one we calculate from the request and your key',
    )
  }
}

/** Encoded pairs sorted by name, then by value. */
function canonicalQuery(rawQuery: string): string {
  return parseQuery(rawQuery)
    .map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .join('&')
}

/** The part of a credential that limits its use: `date/region/s3/aws4_request`. */
export interface Scope {
  date: string
  region: string
  text: string
}

/** Splits `accessKey/date/region/s3/aws4_request`; throws when the key is not ours. Any region will do. */
export function parseCredential(credential: string, credentials: Credentials): Scope {
  const [accessKey, date, region, service, end] = credential.split('/')
  if (date === undefined || region === undefined || service !== 's3' || end !== 'aws4_request') {
    throw new S3Error('AuthorizationHeaderMalformed', 'the credential is not key/date/region/s3/aws4_request')
  }
  if (accessKey !== credentials.accessKey)
    throw new S3Error('InvalidAccessKeyId', 'there is no such access key')
  return { date, region, text: `${date}/${region}/s3/aws4_request` }
}

/** True when `signature` is the HMAC of `text` under the key derived for `scope`; compares in constant time. */
export function isSignature(
  signature: string,
  text: string,
  scope: Scope,
  { secretKey }: Credentials,
): boolean {
  const key = [scope.date, scope.region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => createHmac('sha256', previous).update(part).digest(),
    `AWS4${secretKey}`,
  )
  const expected = createHmac('sha256', key).update(text).digest()
  const given = Buffer.from(signature, 'hex')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`. */
function parseStamp(stamp: string): number {
  const time = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (Number.isNaN(time))
    throw new S3Error('AccessDenied', 'x-amz-date is missing or not of the form YYYYMMDDTHHMMSSZ')
  return time
}
