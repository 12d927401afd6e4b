import { entities } from '../entities.ts'
import { openDb } from '../platform/db.ts'
import { type Check, fail } from './checks/check.ts'
import { checkMachine } from './checks/machine.ts'
import { checkObjectStore } from './checks/object-store.ts'
import { checkOurs, checkSchema, checkServer } from './checks/postgres.ts'
import { checkRedis } from './checks/redis.ts'
import { checkWork } from './checks/work.ts'
import { verb } from './command.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { ServerAway } from './failure.ts'
import { findInstallation, withDatabase, type WithDatabase } from './installation.ts'
import type { Output } from './output.ts'

export const doctor = verb({
  summary: 'Look whether everything is as it must be.',
  notes: `Looks at the machine, PostgreSQL (version, rights, migrations, partitions, clock), Redis, the object store (with an object
of its own that is gone afterwards), numbers that do not send, and work that waits or got stuck. Changes nothing else.
Exit code 1 when something failed, 69 when PostgreSQL does not answer, 78 when the configuration is wrong. Warnings are no
failure.`,
  run: async ({ out }) => {
    const { config } = await findInstallation()
    const [machine, postgres, redis, store] = await Promise.all([
      checkMachine(config),
      checkDatabase(() => withDatabase(config)),
      checkRedis(config),
      checkObjectStore(config),
    ])
    const checks = [...machine, ...postgres, ...redis, ...store]
    const failed = checks.some((one) => one.status === 'fail')
    out.answer({ ok: !failed, checks }, () => print(out, checks))
    return exitOf(checks)
  },
})

async function checkDatabase(configured: () => WithDatabase): Promise<Check[]> {
  let config: WithDatabase
  try {
    config = configured()
  } catch (error) {
    if (!(error instanceof ServerAway)) throw error
    return [{ area: 'PostgreSQL', name: 'reachable', ...fail('not running', error.message) }]
  }
  const server = await checkServer(config)
  if (server.some((one) => one.name === 'reachable' && one.status === 'fail')) return server
  const schema = await checkSchema(config)
  if (schema.status !== 'ok') return [...server, schema]
  const db = openDb(config, entities, 'doctor')
  try {
    return [...server, schema, ...(await checkOurs(db, config)), ...(await checkWork(db, config))]
  } finally {
    await db.close()
  }
}

function exitOf(checks: readonly Check[]): ExitCode {
  const failed = checks.filter((one) => one.status === 'fail')
  if (failed.some((one) => one.area === 'PostgreSQL' && one.name === 'reachable'))
    return exitCodes.unavailable
  return failed.length > 0 ? exitCodes.found : exitCodes.ok
}

function print(out: Output, checks: readonly Check[]): void {
  out.table(
    checks,
    [
      { title: '', cell: (one) => one.status, tone: (one) => one.status },
      { title: 'AREA', cell: (one) => one.area },
      { title: 'CHECK', cell: (one) => one.name },
      { title: 'FOUND', cell: (one) => one.found },
    ],
    'Nothing was looked at.',
  )
  const troubles = checks.filter((one) => one.status !== 'ok')
  out.line()
  if (troubles.length === 0) out.line('Everything is as it must be.', 'ok')
  for (const { status, area, name, advice } of troubles)
    out.line(`${status} ${area} ${name}: ${advice ?? ''}`, status)
}
