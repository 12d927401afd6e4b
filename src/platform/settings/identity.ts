import { z } from 'zod'
import { count, list, setting, text } from './setting.ts'

/** Who may come in, and what a tenant may have. */
export const identitySettings = {
  JWT_SECRET: setting(list([]), 'HS256 secret; two while rotating; made in development.', { secret: true }),
  JWT_ISSUER: setting(list(['cms']), 'Allowed issuers.'),
  JWT_MAX_AGE: setting(count(86_400), 'Longest life of a token, from its iat.', { unit: 's' }),
  JWT_LEEWAY: setting(count(5, 0, 60), 'Clock difference that is forgiven.', { unit: 's' }),
  JWT_AUDIENCE: setting(
    list([]),
    'Tokens must name one of these as aud; when there is none here, aud is not looked at.',
  ),
  EMAIL_ISSUERS: setting(
    list([]),
    'Issuers whose word for an e-mail address lets somebody take up an invitation, or "none"; when there is none here, the first of JWT_ISSUER, and SSO_ISSUER.',
  ),
  JWT_TENANT: setting(
    text().default('main'),
    "Tenant of tokens that name none, and of the platform's own staff, by slug.",
  ),
  JWT_ISSUER_TENANTS: setting(
    list([]),
    'Tenants of issuers that have one of their own instead, such as partner=acme, comma-separated.',
  ),
  SSO_COOKIE: setting(text().default('saubh_token'), "Cookie with the platform's token."),
  SSO_ISSUER: setting(text().default('saubh'), "Issuer of the platform's token."),
  FAILED_AUTH_PER_MINUTE: setting(
    count(100),
    'Bad credentials per address (IPv6: /64) and minute, over REST and on sockets; then only those that were good lately are taken from there.',
  ),
  CORS_ALLOWED_ORIGINS: setting(
    list(['http://localhost:3000', 'http://localhost:3001']),
    'Exact origins of browsers, for REST and the socket.',
  ),
  LOCAL_SIGN_IN: setting(
    z.enum(['off', 'on']).default('off'),
    'Sign-in of our own with e-mail and password; off where everybody comes from the platform.',
  ),
  LOCAL_ISSUER: setting(text().default('switchboard'), 'Issuer of the tokens of our own sign-in.'),
  LOCAL_TOKEN_SECONDS: setting(count(900, 1, 86_400), 'Life of a token of our own sign-in.', { unit: 's' }),
  LOCAL_SESSION_IDLE_HOURS: setting(count(72), 'A sign-in that was not renewed for so long is over.', {
    unit: 'h',
  }),
  LOCAL_SESSION_HOURS: setting(count(720), 'A sign-in is over after so long, however often it was renewed.', {
    unit: 'h',
  }),
  LOCAL_SESSIONS: setting(count(20), 'Sign-ins of one user at a time; one more ends the one unused longest.'),
  LOCAL_REFRESH_GRACE_SECONDS: setting(
    count(30, 0, 3600),
    'A refresh token that was replaced is good for so long, for answers that were lost and tabs that raced; later it ends the sign-in.',
    { unit: 's' },
  ),
  LOCAL_ATTEMPTS: setting(
    count(5),
    'Wrong passwords for one e-mail address from one address (IPv6: one /64); then both wait.',
  ),
  LOCAL_ATTEMPTS_PER_EMAIL: setting(count(50), 'Wrong passwords for one e-mail address from anywhere.'),
  LOCAL_LOCK_SECONDS: setting(count(900), 'How long they wait, and how long tries are remembered.', {
    unit: 's',
  }),
  LOCAL_RATE_PER_MINUTE: setting(count(30), 'Sign-ins and renewals per address and minute.'),
  LOCAL_TENANTS_TRIED: setting(
    count(3, 1, 16),
    'Tenants in which a sign-in that names none looks for the address, the oldest users first; so many passwords are computed each time, whoever it is.',
  ),
  LOCAL_PASSWORD_LENGTH: setting(count(12, 8, 64), 'Shortest password.', { unit: 'characters' }),
  LOCAL_PASSWORD_TOKEN_HOURS: setting(
    count(72),
    'Life of the secret with which somebody who was invited, or forgot, sets their password.',
    { unit: 'h' },
  ),
  LOCAL_HASHES: setting(
    count(2, 1, 64),
    'Passwords of a process that are hashed at a time; each takes 32 MiB and a tenth of a second.',
  ),
  LOCAL_HASHES_WAITING: setting(
    count(64, 0),
    'Passwords that wait to be hashed; more are told to come back.',
  ),
  ENCRYPTION_KEY: setting(
    z
      .string()
      .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 bytes in base64')
      .optional(),
    "Encrypts channels' secrets at rest and what bells take along; made in development.",
    { secret: true },
  ),
  ENCRYPTION_KEY_PREVIOUS: setting(
    z
      .string()
      .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 bytes in base64')
      .optional(),
    'The key before, while rotating: what it encrypted stays readable.',
    { secret: true },
  ),
}
