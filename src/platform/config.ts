import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import type { z } from 'zod'
import { type ConfigValues, type SettingName, settings } from './config-keys.ts'
import { keptSecret } from './kept-secret.ts'

/**
 * The configuration of one process: parsed once in its main.ts and passed down. Values keep the names of their
 * environment variables, so that a reader of the code and a reader of the manual speak of the same thing.
 */
export interface Config extends Readonly<ConfigValues> {
  readonly HOST: string
  readonly ENCRYPTION_KEY: string
}

/** Every problem of a configuration at once, one sentence each. The process that meets it exits with 78. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`the configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads settings from the environment (empty counts as unset, `NAME_FILE` is read from a file). Development and test
 * make the secrets that are missing and keep them under DATA_DIR; production never does.
 * Fails with a ConfigError that lists everything that is wrong.
 */
export function readConfig(environment: Environment = process.env): Config {
  const problems: string[] = []
  const wrong: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(settings)) {
    const schema: z.ZodType = setting.schema
    const parsed = schema.safeParse(given(name, 'secret' in setting, environment, problems))
    if (parsed.success) values[name] = parsed.data
    else {
      problems.push(`${name}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`)
      wrong.push(name)
      // Stands in for it, so that combinations of the others can be judged too.
      values[name] = schema.safeParse(undefined).data
    }
  }
  const config = values as ConfigValues
  if (problems.length > 0) throw new ConfigError([...problems, ...conflictsWithout(wrong, config)])
  const complete = {
    ...config,
    EMAIL_ISSUERS: emailIssuers(config),
    HOST: config.HOST ?? (config.NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1'),
    ENCRYPTION_KEY: config.ENCRYPTION_KEY ?? madeSecret(config, 'encryption-key', 'base64') ?? '',
    JWT_SECRET:
      config.JWT_SECRET.length > 0
        ? config.JWT_SECRET
        : presentOnly(madeSecret(config, 'jwt-secret', 'base64url')),
  }
  problems.push(...conflicts(complete))
  if (problems.length > 0) throw new ConfigError(problems)
  return complete
}

function given(
  name: string,
  secret: boolean,
  environment: Environment,
  problems: string[],
): string | undefined {
  const direct = environment[name]
  const file = secret ? environment[`${name}_FILE`] : undefined
  if (direct && file) problems.push(`${name}: given twice, as itself and as ${name}_FILE`)
  if (direct) return direct
  if (!file) return undefined
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    problems.push(`${name}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return undefined
  }
}

const presentOnly = (value: string | undefined): string[] => (value === undefined ? [] : [value])

function madeSecret(
  config: ConfigValues,
  name: string,
  encoding: 'base64' | 'base64url',
): string | undefined {
  if (config.NODE_ENV === 'production') return undefined
  const path = join(config.DATA_DIR, 'secrets', name)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return keptSecret(path, () => randomBytes(32).toString(encoding))
}

const sampleSecret =
  /^(secret|changeme|change-me|your[-_ ]?(jwt[-_ ]?)?secret.*|password|test|example.*|(.)\3+)$/i

/** What Express takes: an address, a network, or one of its names for private networks. */
function isProxyAddress(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true
  const [address = '', bits, ...others] = text.split('/')
  const family = isIP(address)
  if (family === 0 || others.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** What an issuer cannot be called: people who were invited and have not come stand under the first, and "none" is nobody. */
const reservedIssuers: readonly string[] = ['invited', 'none']

/** Whose word for an e-mail address counts; of several issuers of the CMS only the first, unless they are named. */
function emailIssuers({ EMAIL_ISSUERS, JWT_ISSUER, SSO_ISSUER }: ConfigValues): string[] {
  if (EMAIL_ISSUERS.length === 0) return [...JWT_ISSUER.slice(0, 1), SSO_ISSUER]
  return EMAIL_ISSUERS.filter((issuer) => issuer !== 'none')
}

/** Issuers that would be taken for somebody else. */
function issuerConflicts({ EMAIL_ISSUERS, JWT_ISSUER, SSO_ISSUER, LOCAL_ISSUER }: ConfigValues): string[] {
  const found: string[] = []
  const others = [...JWT_ISSUER, SSO_ISSUER]
  for (const [name, issuers] of Object.entries({
    JWT_ISSUER,
    SSO_ISSUER: [SSO_ISSUER],
    LOCAL_ISSUER: [LOCAL_ISSUER],
  }))
    for (const issuer of issuers)
      if (reservedIssuers.includes(issuer))
        found.push(`${name}: ${issuer} is a name that we keep for ourselves; call the issuer something else`)
  // Also while that sign-in is off: people who were made with it stand under its issuer.
  if (others.includes(LOCAL_ISSUER))
    found.push('LOCAL_ISSUER: must differ from JWT_ISSUER and SSO_ISSUER, whose tokens others sign')
  for (const issuer of EMAIL_ISSUERS.filter((one) => one !== 'none'))
    if (!others.includes(issuer))
      found.push(`EMAIL_ISSUERS: ${issuer} is neither of JWT_ISSUER nor SSO_ISSUER`)
  return found
}

/** The tenant of tokens of this issuer that name none, by slug. */
export function defaultTenantOf(
  config: Pick<Config, 'JWT_TENANT' | 'JWT_ISSUER_TENANTS'>,
  issuer: string,
): string {
  const own = config.JWT_ISSUER_TENANTS.map(issuerAndTenant).find(([name]) => name === issuer)
  return own?.[1] ?? config.JWT_TENANT
}

/** An issuer may be an address with any sign in it, a slug has no equals sign. */
function issuerAndTenant(pair: string): [issuer: string, slug: string] {
  const at = pair.lastIndexOf('=')
  return [pair.slice(0, Math.max(0, at)), pair.slice(at + 1)]
}

/** Combinations that cannot be right, apart from those that speak of settings which are wrong by themselves. */
function conflictsWithout(wrong: readonly string[], config: ConfigValues): string[] {
  return conflicts(config).filter((one) => !wrong.some((name) => new RegExp(`\\b${name}\\b`).test(one)))
}

/** Combinations that cannot be right. */
function conflicts(config: ConfigValues): string[] {
  const found: string[] = []
  const production = config.NODE_ENV === 'production'
  if (config.JWT_SECRET.length > 2) found.push('JWT_SECRET: at most two secrets, while rotating')
  if (production) {
    if (config.JWT_SECRET.length === 0) found.push('JWT_SECRET: required in production')
    for (const secret of config.JWT_SECRET) {
      if (secret.length < 32) found.push('JWT_SECRET: at least 32 characters in production')
      if (sampleSecret.test(secret)) found.push('JWT_SECRET: this is a sample value')
    }
    if (!config.ENCRYPTION_KEY) found.push('ENCRYPTION_KEY: required in production')
    for (const name of ['DATABASE_URL', 'S3_ENDPOINT'] as const)
      if (!config[name]) found.push(`${name}: required in production (embedded servers are for development)`)
    if (config.REDIS_URL.length === 0)
      found.push('REDIS_URL: required in production (embedded servers are for development)')
  }
  if (config.S3_ENDPOINT && !(config.S3_ACCESS_KEY && config.S3_SECRET_KEY))
    found.push('S3_ENDPOINT: needs S3_ACCESS_KEY and S3_SECRET_KEY')
  if (config.S3_ENDPOINT && new URL(config.S3_ENDPOINT).pathname !== '/')
    found.push('S3_ENDPOINT: without a path (S3_PUBLIC_URL may have one)')
  if (config.DATABASE_OWNER_URL && !config.DATABASE_URL) found.push('DATABASE_OWNER_URL: needs DATABASE_URL')
  if (config.SEND_LEASE_MS <= config.PROVIDER_TIMEOUT_MS)
    found.push(
      'SEND_LEASE_MS: must be longer than PROVIDER_TIMEOUT_MS, or a call under way would be taken for lost',
    )
  if (config.POLL_MS > 2000) found.push('POLL_MS: at most 2000, so that facts arrive without Redis')
  found.push(...issuerConflicts(config))
  for (const pair of config.JWT_ISSUER_TENANTS) {
    const [issuer, slug] = issuerAndTenant(pair)
    if (!slug || ![...config.JWT_ISSUER, config.SSO_ISSUER].includes(issuer))
      found.push(`JWT_ISSUER_TENANTS: ${pair} is not an issuer of ours and a slug, such as cms=main`)
  }
  for (const url of config.REDIS_URL)
    if (!['redis:', 'rediss:'].includes(URL.parse(url)?.protocol ?? ''))
      found.push('REDIS_URL: must be redis:// or rediss://, several of them comma-separated')
  for (const origin of config.CORS_ALLOWED_ORIGINS)
    if (URL.parse(origin)?.origin !== origin)
      found.push(`CORS_ALLOWED_ORIGINS: ${origin} is no exact origin such as https://crm.example`)
  for (const proxy of config.TRUST_PROXY)
    if (!isProxyAddress(proxy))
      found.push(`TRUST_PROXY: ${proxy} is no address, network (10.0.0.0/8) or loopback`)
  for (const part of config.RUN)
    if (!['gateway', 'rest', 'workers'].includes(part)) found.push(`RUN: there is no part ${part}`)
  return found
}

/** Where a value came from: the environment, a file that it names, a secret that development keeps, or nobody said. */
export type SettingSource = 'environment' | 'file' | 'made' | 'default'

export interface DescribedSetting {
  readonly name: SettingName
  /** Empty when there is none. */
  readonly value: string
  readonly source: SettingSource
  readonly unit?: string
  readonly doc: string
}

/** For `switchboard config print`: every setting with its value, secrets masked. `environment` is what was read. */
export function describeConfig(config: Config, environment: Environment = process.env): DescribedSetting[] {
  return (Object.keys(settings) as SettingName[]).map((name) => {
    const setting = settings[name]
    const value = config[name]
    const secret = 'secret' in setting
    const shown = Array.isArray(value) ? value.join(',') : value === undefined ? '' : String(value)
    return {
      name,
      value: secret && shown !== '' ? '********' : shown,
      source: sourceOf(name, secret && shown !== '', environment),
      ...('unit' in setting && setting.unit ? { unit: setting.unit } : {}),
      doc: setting.doc,
    }
  })
}

function sourceOf(name: SettingName, secret: boolean, environment: Environment): SettingSource {
  if (environment[name]) return 'environment'
  if (secret && environment[`${name}_FILE`]) return 'file'
  // No secret has a default: one that nobody gave was made.
  return secret ? 'made' : 'default'
}
