import { errors, Failure } from '../contract/errors.ts'
import { ConfigError } from '../platform/config.ts'
import { isUnavailable } from '../platform/db.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** The command line does not make sense. The message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A server that the command needs is not there. The message says which and what to do. */
export class ServerAway extends Error {
  override readonly name = 'ServerAway'
}

/** Something that was asked for is not there or cannot be done now, in words for an operator. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

/** What goes wrong, for a person and for a program. */
export interface Trouble {
  readonly exit: ExitCode
  readonly code: string
  readonly message: string
  /** The single problems of a configuration. */
  readonly problems?: readonly string[]
}

/** PostgreSQL lets us not in, or not as who we say we are (SQLSTATE classes 28 and 3D, and a role that is missing). */
const notLetIn = new Set(['28000', '28P01', '3D000', '42501'])
/** Tables or functions that migrations make. */
const notMigrated = new Set(['42P01', '42883', '42703'])

/** `raise exception` in SQL of ours. */
const raised = 'P0001'
/** Migrations say so themselves when their owner may not make a role that they need. */
const rolesMissing = /let a superuser run docs\/database-roles\.sql/

/** Turns whatever a command threw into what is printed and the exit code. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof UsageError) return { exit: exitCodes.usage, code: 'usage', message: error.message }
  if (error instanceof ConfigError)
    return {
      exit: exitCodes.configuration,
      code: 'configuration',
      message: error.message,
      problems: error.problems,
    }
  if (error instanceof ServerAway)
    return { exit: exitCodes.unavailable, code: 'unavailable', message: error.message }
  if (error instanceof Refusal) return { exit: exitCodes.found, code: 'refused', message: error.message }
  if (error instanceof Failure && error.code !== 'unavailable') return ofFailure(error)
  const cause = error instanceof Failure ? (error.cause ?? error) : error
  const { code = '', message } = cause as { code?: string; message: string }
  if (isUnavailable(error) || isUnavailable(cause))
    return {
      exit: exitCodes.unavailable,
      code: 'unavailable',
      message: `PostgreSQL does not answer: ${reasonOf(cause)}`,
    }
  if (code === raised && rolesMissing.test(message))
    return { exit: exitCodes.configuration, code: 'configuration', message }
  if (notLetIn.has(code))
    return { exit: exitCodes.unavailable, code: 'unavailable', message: `PostgreSQL refuses us: ${message}` }
  if (notMigrated.has(code) || /role "switchboard_app" does not exist/.test(message))
    return {
      exit: exitCodes.unavailable,
      code: 'not_migrated',
      message: `the schema is missing or older than this code (${message}); run: switchboard migrate up`,
    }
  return {
    exit: exitCodes.internal,
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }
}

function ofFailure(failure: Failure): Trouble {
  const about = Object.entries(failure.details).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  return {
    exit: errors[failure.code].http === 400 ? exitCodes.usage : exitCodes.found,
    code: failure.code,
    message: about.length === 0 ? failure.message : `${failure.message} (${about.join(', ')})`,
  }
}

/** A sentence about an error of the network; several addresses of one name fail with an error that has no message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}
