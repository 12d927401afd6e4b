import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, describeConfig, type Environment, readConfig } from './config.ts'
import { type SettingName, settings } from './config-keys.ts'

const directory = mkdtempSync(join(tmpdir(), 'switchboard-config-'))
const read = (environment: Environment) => readConfig({ DATA_DIR: directory, ...environment })

function problemsOf(environment: Environment): readonly string[] {
  try {
    read(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://u:p@db/x',
  REDIS_URL: 'redis://r',
  S3_ENDPOINT: 'http://s3',
  S3_ACCESS_KEY: 'a',
  S3_SECRET_KEY: 'b',
  JWT_SECRET: 'dL3k9sQ0vXz8mB2nR7tY5wE1uI4oP6aS',
  ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
}

describe('settings', () => {
  test.each([
    ['EVOLUTION_API_URL', 'https://evo.example', 'evo.example'],
    ['TEMPLATE_SYNC_HOURS', '1', '0'],
    ['LOG_KEEP_DAYS', '1', '0'],
    ['SOCKET_TAIL_BYTES', '1', '0'],
    ['EVOLUTION_SEND_INTERVAL_MS', '0', '-1'],
    ['SIMULATOR_PORT', '65535', '65536'],
    ['REDIS_URL', 'redis://a,rediss://b:6380', 'redis://a,http://b'],
    ['S3_PUBLIC_URL', 'https://files.example/store', 'ftp://files.example'],
  ])('[CFG1] %s may be %j and not %j', (name, good, bad) => {
    expect(problemsOf({ [name]: good })).toEqual([])
    expect(problemsOf({ [name]: bad })).toEqual([expect.stringContaining(name)])
  })

  test('[CFG1] every error is listed at once', () => {
    const wrong = {
      PORT: 'x',
      BASE_PATH: 'no-slash',
      DATABASE_URL: 'mysql://x',
      ENCRYPTION_KEY: 'short',
      REDIS_PREFIX: 'no-braces',
      NODE_ENV: 'prod',
    }
    const problems = problemsOf(wrong)
    expect(problems.map((problem) => problem.replace(/:.*/s, '')).sort()).toEqual(Object.keys(wrong).sort())
  })

  test('[CFG1] combinations that cannot be right are listed at once too', () => {
    const problems = problemsOf({
      S3_ENDPOINT: 'http://s3',
      DATABASE_OWNER_URL: 'postgres://o@db/x',
      SEND_LEASE_MS: '30000',
      POLL_MS: '2001',
      CORS_ALLOWED_ORIGINS: '*,https://a.example/,https://b.example',
      TRUST_PROXY: '10.0.0.1,nginx,10.0.0.0/33',
      RUN: 'rest,kitchen',
    })
    expect(problems).toHaveLength(9)
  })

  test('[CFG1] so are combinations beside settings that are wrong by themselves, without guesses about those', () => {
    expect(
      problemsOf({ ...production, PORT: 'x', JWT_SECRET: 'short', S3_ACCESS_KEY: '', S3_ENDPOINT: 'x' }),
    ).toEqual([
      'PORT: must be a whole number',
      'S3_ENDPOINT: must be an http:// or https:// address',
      'JWT_SECRET: at least 32 characters in production',
    ])
    expect(problemsOf({ PROVIDER_TIMEOUT_MS: '0', SEND_LEASE_MS: '1', RUN: 'all' })).toEqual([
      'PROVIDER_TIMEOUT_MS: must be 1 at least',
      'RUN: there is no part all',
    ])
  })

  test('[CFG7] an issuer is not called what we call people who were invited, nor nobody, nor what signs our own tokens', () => {
    for (const name of ['JWT_ISSUER', 'SSO_ISSUER', 'LOCAL_ISSUER'] as const) {
      for (const reserved of ['invited', 'none'])
        expect(problemsOf({ [name]: reserved }), `${name}=${reserved}`).toEqual([
          `${name}: ${reserved} is a name that we keep for ourselves; call the issuer something else`,
        ])
      expect(problemsOf({ [name]: 'invited-by-us' }), name).toEqual([])
    }
    expect(problemsOf({ JWT_ISSUER: 'cms,invited' })).toHaveLength(1)
    // Also while our own sign-in is off: it may have been on, and its people are still there.
    for (const LOCAL_SIGN_IN of ['on', 'off'])
      for (const clash of [{ JWT_ISSUER: 'cms,switchboard' }, { SSO_ISSUER: 'switchboard' }])
        expect(problemsOf({ LOCAL_SIGN_IN, ...clash })).toEqual([
          expect.stringContaining('LOCAL_ISSUER: must differ'),
        ])
    expect(problemsOf({ JWT_ISSUER: 'cms,switchboard', LOCAL_ISSUER: 'hub' })).toEqual([])
  })

  test('[CFG7] whose word for an address counts is named, or is the first of the CMS and the platform; a name that is no issuer is refused', () => {
    const JWT_ISSUER = 'desk,partner'
    const issuersOf = (EMAIL_ISSUERS: string) => read({ JWT_ISSUER, EMAIL_ISSUERS }).EMAIL_ISSUERS
    expect(issuersOf('')).toEqual(['desk', 'saubh'])
    expect(issuersOf('partner')).toEqual(['partner'])
    expect(issuersOf('none')).toEqual([])
    expect(problemsOf({ JWT_ISSUER, EMAIL_ISSUERS: 'desk,cms' })).toEqual([
      'EMAIL_ISSUERS: cms is neither of JWT_ISSUER nor SSO_ISSUER',
    ])
  })

  test('empty counts as not set', () => {
    expect(read({ PORT: '', JWT_ISSUER: '', PUBLIC_URL: '' })).toMatchObject({
      PORT: 4000,
      JWT_ISSUER: ['cms'],
    })
  })

  test('lists are comma-separated, with spaces forgiven', () => {
    expect(read({ JWT_ISSUER: ' cms, other ,' }).JWT_ISSUER).toEqual(['cms', 'other'])
    expect(read({ TRUST_PROXY: '10.0.0.1,fd00::/8,loopback' }).TRUST_PROXY).toHaveLength(3)
  })

  test('[CFG2] a secret may come from a file, without its line end; both ways at once are an error, so is a missing file', () => {
    const file = join(directory, 'secret')
    writeFileSync(file, 'from-a-file\n')
    expect(read({ JWT_SECRET_FILE: file }).JWT_SECRET).toEqual(['from-a-file'])
    expect(problemsOf({ JWT_SECRET: 'x', JWT_SECRET_FILE: file })).toEqual([
      expect.stringContaining('given twice'),
    ])
    expect(problemsOf({ JWT_SECRET_FILE: join(directory, 'missing') })).toEqual([
      'JWT_SECRET_FILE: cannot be read (ENOENT)',
    ])
    // What is no secret is not read from files, so that a typing error is not taken for one.
    expect(read({ PORT_FILE: file }).PORT).toBe(4000)
  })

  test.each([
    ['PORT', 0, 65_535],
    ['DATABASE_POOL', 2, 500],
    ['REPLAY_PAGE', 1, 1000],
    ['MEDIA_LINK_SECONDS', 1, 300],
    ['JWT_LEEWAY', 0, 60],
  ] as const)('%s takes %i to %i and nothing beyond', (name, least, most) => {
    for (const value of [least, most]) expect(read({ [name]: String(value) })[name]).toBe(value)
    for (const value of [least - 1, most + 1, `${least}.5`, 'x'])
      expect(problemsOf({ [name]: String(value) })).toHaveLength(1)
  })

  test.each(['', '/crmwhats', '/a/b-c'])('BASE_PATH may be %j', (path) =>
    expect(problemsOf({ BASE_PATH: path })).toEqual([]),
  )
  test.each(['/', '/x/', 'x', '/a//b', '/a b', '/../x', '/a?b'])('BASE_PATH may not be %j', (path) =>
    expect(problemsOf({ BASE_PATH: path })).toHaveLength(1),
  )

  test('[CFG3] development makes its secrets once and keeps them', () => {
    const [first, second] = [read({}), read({})]
    expect(first.JWT_SECRET[0]?.length).toBeGreaterThanOrEqual(32)
    expect(second).toEqual(first)
  })

  test('every setting has a sentence, and what is printed holds no secret', () => {
    const described = describeConfig(read(production))
    expect(described.map((one) => one.name)).toEqual(Object.keys(settings))
    for (const one of described) expect(one.doc).toMatch(/^[A-Z].*\.$/s)
    const secret = described.filter((one) => 'secret' in settings[one.name])
    for (const one of secret) expect(['', '********']).toContain(one.value)
    expect(secret.filter((one) => one.value === '********').map((one) => one.name)).toEqual(
      expect.arrayContaining([
        'DATABASE_URL',
        'JWT_SECRET',
        'ENCRYPTION_KEY',
        'S3_SECRET_KEY',
      ] satisfies SettingName[]),
    )
  })
})

describe('[CFG4] production', () => {
  test('comes up with what it needs', () => expect(read(production).HOST).toBe('0.0.0.0'))

  test.each(['DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT', 'JWT_SECRET', 'ENCRYPTION_KEY'] as const)(
    'makes no %s up',
    (name) =>
      expect(problemsOf({ ...production, [name]: undefined })).toEqual([
        expect.stringContaining(`${name}: required in production`),
      ]),
  )

  test.each([
    ['31 characters', production.JWT_SECRET.slice(1), 1],
    ['32 characters', production.JWT_SECRET, 0],
    ['one character over and over', 'x'.repeat(40), 1],
    ['a sample value', 'your-jwt-secret-that-everybody-copies', 1],
    ['a good one and a short one', `${production.JWT_SECRET},short`, 1],
    ['three at a time', [1, 2, 3].map((n) => `${production.JWT_SECRET}${n}`).join(','), 1],
  ])('S9 JWT_SECRET of %s', (_, secret, problems) => {
    expect(problemsOf({ ...production, JWT_SECRET: secret })).toHaveLength(problems)
  })
})
