import {
  createMigration,
  migrateDown,
  migrateUp,
  migrationStatus,
  migrationsDirectory,
} from '../platform/migrate.ts'
import { type VerbGroup, verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { UsageError } from './failure.ts'
import { findInstallation, withDatabase, type WithDatabase } from './installation.ts'
import { count, flag, option } from './options.ts'
import type { Output } from './output.ts'

async function databaseConfig(): Promise<WithDatabase> {
  return withDatabase((await findInstallation()).config)
}

function tell(out: Output, verb: string, names: readonly string[], none: string): void {
  out.answer({ [verb]: names }, () => {
    for (const name of names) out.line(`${verb} ${name}`)
    if (names.length === 0) out.line(none)
  })
}

const up = verb({
  summary: 'Run the migrations that are missing.',
  notes:
    'Safe to call from several places at once: the others wait. DATABASE_OWNER_URL is used when it is set.',
  run: async ({ out }) => {
    tell(out, 'applied', await migrateUp(await databaseConfig()), 'The schema is current.')
    return undefined
  },
})

const down = verb({
  summary: 'Take the newest migrations back. Their tables and what is in them are gone afterwards.',
  options: {
    steps: option(
      'N',
      'How many; 1 when not said, except in production, where it must be.',
      count(1, 10_000),
    ),
    yes: flag('Needed in production: data of tables that go is lost.'),
  },
  run: async ({ out, options }) => {
    const config = await databaseConfig()
    if (config.NODE_ENV === 'production' && !(options.yes && options.steps !== undefined))
      throw new UsageError('this is production: say how far with --steps N, and --yes')
    tell(out, 'reverted', await migrateDown(config, options.steps ?? 1), 'There is nothing to take back.')
    return undefined
  },
})

const status = verb({
  summary: 'List the migrations that ran and those that are missing; exit code 1 when some are.',
  run: async ({ out }) => {
    const { executed, pending } = await migrationStatus(await databaseConfig())
    const rows = [
      ...executed.map((name) => ({ name, ran: true })),
      ...pending.map((name) => ({ name, ran: false })),
    ]
    out.answer({ applied: executed, pending }, () =>
      out.table(
        rows,
        [
          { title: 'MIGRATION', cell: (row) => row.name },
          {
            title: 'STATE',
            cell: (row) => (row.ran ? 'applied' : 'pending'),
            tone: (row) => (row.ran ? 'ok' : 'warn'),
          },
        ],
        'There are no migrations.',
      ),
    )
    return pending.length > 0 ? exitCodes.found : undefined
  },
})

const create = verb({
  summary: 'Begin a migration: write its two files with the next number.',
  operands: ['NAME'],
  options: { directory: option('DIRECTORY', 'Where; the migrations of this release when not said.') },
  run: async ({ out, operands: [name = ''], options }) => {
    if (!/^[a-z][a-z0-9_]{2,59}$/.test(name))
      throw new UsageError(`NAME is lower-case words with underscores, such as add_deal_owner, not ${name}`)
    const files = createMigration(name, options.directory ?? migrationsDirectory)
    out.answer(files, () => {
      out.line(files.up)
      out.line(files.down)
    })
    return undefined
  },
})

export const migrate: VerbGroup = {
  summary: 'Bring the schema up or down, or begin a migration.',
  verbs: { up, down, status, create },
}
