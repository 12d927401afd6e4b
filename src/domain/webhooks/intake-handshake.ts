import { createHash, timingSafeEqual } from 'node:crypto'
import { Failure } from '../../contract/errors.ts'
import { invalid } from '../../http/faults.ts'
import { type FindDeps, ownersOfCloud } from './find-owners.ts'

/** Meta's challenges are a dozen digits; its page calls them opaque. */
const challengeShape = /^[\x21-\x7e]{1,256}$/

/**
 * What to answer when Meta checks the address of our webhooks: the challenge, to who knows the verify token of one of our
 * numbers. Every token is compared, in constant time.
 * Fails with `forbidden`; with `validation_failed` for a challenge that is none.
 */
export async function answerChallenge(
  deps: FindDeps,
  query: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = query
  if (mode !== 'subscribe' || typeof token !== 'string' || token === '') throw refused()
  const owners = await ownersOfCloud(deps)
  const fitting = owners.filter(({ secrets }) => isSameSecret(token, secrets?.['verifyToken']))
  if (fitting.length === 0) throw refused()
  if (typeof challenge !== 'string' || !challengeShape.test(challenge))
    throw invalid([
      { in: 'query', pointer: '/hub.challenge', message: 'expected 1 to 256 visible characters' },
    ])
  return challenge
}

/** Compares without telling by the time it takes where they differ; nothing equals a secret that is not there. */
export function isSameSecret(given: string, secret: string | undefined): boolean {
  return secret !== undefined && secret !== '' && timingSafeEqual(digestOf(given), digestOf(secret))
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

const refused = (): Failure =>
  new Failure('forbidden', {}, { message: 'this is no verify token of a number of ours' })
