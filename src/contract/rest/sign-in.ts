import { z } from 'zod'
import { callerView, tenantFacts } from './identity.ts'

/** Longer than any password that we take, so that what is wrong with one is said by its rule. */
const passwordText = z.string().min(1).max(1000)
const refreshToken = z.string().min(1).max(200)

/** POST /api/auth/sign-in. */
export const signInRequest = z.strictObject({
  email: z.string().min(1).max(320),
  password: passwordText,
  /** Slug or id of the tenant; left out, it is the one where the password is theirs. */
  tenant: z.string().min(1).max(63).optional(),
  /** The refresh token goes into a cookie that scripts cannot read, and not into the answer. For browsers. */
  cookie: z.boolean().optional(),
})
export type SignInRequest = z.infer<typeof signInRequest>

/** POST /api/auth/refresh and /api/auth/sign-out; without it the cookie counts. */
export const refreshRequest = z.strictObject({ refreshToken: refreshToken.optional() })

/** POST /api/auth/password. */
export const changePasswordRequest = z.strictObject({
  currentPassword: passwordText,
  newPassword: passwordText,
})

/** POST /api/auth/set-password. */
export const setPasswordRequest = z.strictObject({
  token: z.string().min(1).max(200),
  newPassword: passwordText,
})

/** POST /admin/users/:id/password-token: shown once. null in the answer to a repeat with the same Idempotency-Key. */
export const passwordTokenView = z.strictObject({
  token: z.string().nullable(),
  expiresAt: z.iso.datetime(),
})

/** The answer to a sign-in and to its renewal. */
export const signedInView = z.strictObject({
  /** Bearer of requests and of the socket's handshake. */
  token: z.string(),
  expiresAt: z.iso.datetime(),
  /** Brings the next token, once; absent when it is in the cookie. */
  refreshToken: z.string().optional(),
  /** When the sign-in is over unless it is renewed before. */
  refreshExpiresAt: z.iso.datetime(),
  user: callerView,
  tenant: tenantFacts,
})
export type SignedInView = z.infer<typeof signedInView>
