import { Failure } from '../../contract/errors.ts'
import type { Config } from '../../platform/config.ts'

/** scrypt takes any length; this keeps a password from being a way to send megabytes. */
export const longestPassword = 200
const leastDifferent = 5

/** What is wrong with a password that somebody chose, or undefined. Length is what counts; the rest is only the worst. */
export function whatIsWrong(
  config: Pick<Config, 'LOCAL_PASSWORD_LENGTH'>,
  password: string,
  email: string,
): string | undefined {
  const characters = Array.from(password.normalize('NFKC'))
  if (characters.length < config.LOCAL_PASSWORD_LENGTH)
    return `must have at least ${config.LOCAL_PASSWORD_LENGTH} characters`
  if (characters.length > longestPassword) return `must have at most ${longestPassword} characters`
  if (new Set(characters).size < leastDifferent)
    return `must have at least ${leastDifferent} different characters`
  if (password.toLowerCase().includes(email.toLowerCase())) return 'must not contain the e-mail address'
  return undefined
}

/** Fails with `validation_failed` at `pointer`. */
export function requireGoodPassword(
  config: Pick<Config, 'LOCAL_PASSWORD_LENGTH'>,
  password: string,
  email: string,
  pointer: string,
): void {
  const message = whatIsWrong(config, password, email)
  if (message !== undefined)
    throw new Failure('validation_failed', { errors: [{ in: 'body', pointer, message }] })
}
