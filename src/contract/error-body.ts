import { z } from 'zod'
import { type ErrorCode, errors, type Then } from './errors.ts'

export const errorCode = z.enum(Object.keys(errors) as [ErrorCode, ...ErrorCode[]])
export const whatThen = z.enum([
  'stop',
  'fix',
  'sign-in',
  'later',
  'resync',
  'review',
] as const satisfies Then[])

/** An error in an ack, or of one record among many. */
export const errorBody = z.strictObject({
  code: errorCode,
  /** This case in words. */
  message: z.string(),
  then: whatThen,
  /** Ids, limits and times that help to decide. */
  details: z.record(z.string(), z.unknown()).optional(),
})
