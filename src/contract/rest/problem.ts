import { z } from 'zod'
import { errorCode, whatThen } from '../error-body.ts'

/** One thing that is wrong with a request. */
export const requestFault = z.strictObject({
  in: z.enum(['body', 'query', 'path', 'header']),
  /** JSON pointer (RFC 6901) to the member: `/to/phone`; `` is the whole. */
  pointer: z.string(),
  message: z.string(),
})
export type RequestFault = z.infer<typeof requestFault>

/** Every error over REST: RFC 9457, `application/problem+json`. Programs decide by `code` and `then`. */
export const problem = z.strictObject({
  /** `urn:switchboard:problem:<code>`. */
  type: z.string(),
  /** What the code means, always the same words. */
  title: z.string(),
  status: z.number().int(),
  /** This case in words. */
  detail: z.string(),
  code: errorCode,
  then: whatThen,
  /** Finds the request in our log; also in the header X-Request-Id. */
  requestId: z.string(),
  /** Only with `validation_failed`. */
  errors: z.array(requestFault).optional(),
  /** Ids, limits and times that help to decide. */
  details: z.record(z.string(), z.unknown()).optional(),
})
export type Problem = z.infer<typeof problem>
