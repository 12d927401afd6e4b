/**
 * `npm run bench`: the performance goals, each against its peer in the same run. `--only G1,G3` measures only those,
 * `--rounds 6` more of each, `--json` prints figures instead of a table, `--verbose` tells every round. A run of all of
 * them writes docs/measurements.md. Exit code 1 when a must is missed or not measured, 2 when it was asked for something else.
 */
import { parseArgs } from 'node:util'
import { type Figure, type Measurement, verdictOf } from './goal.ts'
import { comingBack, idleMemory } from './goals/connections.ts'
import { fanOut } from './goals/fan-out.ts'
import { hotTenant } from './goals/hot-tenant.ts'
import { manyTenants } from './goals/many-tenants.ts'
import { recordsOverRest } from './goals/records.ts'
import { rowSecurity } from './goals/row-security.ts'
import { sleepers } from './goals/sleepers.ts'
import { wholePath } from './goals/whole-path.ts'
import { describeMachine, writeReport } from './report.ts'
import { plainTable } from './table.ts'
import { openWorld } from './world.ts'

const measurements: readonly Measurement[] = [
  fanOut,
  wholePath,
  manyTenants,
  hotTenant,
  idleMemory,
  comingBack,
  recordsOverRest,
  rowSecurity,
  sleepers,
]
const known = [...new Set(measurements.flatMap(({ goals }) => goals))]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const only = values.only?.split(',').map((goal) => goal.trim().toUpperCase())
const rounds = Number(values.rounds)
const unknown = only?.filter((goal) => !known.includes(goal)) ?? []
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`Goals that are measured here: ${known.join(', ')}; rounds are a number from 1 on.`)
  process.exit(2)
}

const log = values.verbose ? (line: string) => console.error(line) : () => {}
const world = await openWorld(log)
const machine = describeMachine(world.described)
const figures: Figure[] = []
const failed: string[] = []
try {
  for (const { goals, run } of measurements) {
    if (only && !goals.some((goal) => only.includes(goal))) continue
    console.error(`measuring ${goals.join(', ')}`)
    try {
      const found = await run(world, rounds, log)
      figures.push(...found.filter(({ goal }) => !only || only.includes(goal)))
    } catch (error) {
      failed.push(...goals)
      console.error(`${goals.join(', ')} could not be measured:`, error)
    }
  }
} finally {
  await world.close()
}
const order = (goal: string) => Number(goal.slice(1))
figures.sort((one, other) => order(one.goal) - order(other.goal))
console.log(values.json ? JSON.stringify(figures, null, 2) : plainTable(figures))
if (!only && failed.length === 0) writeReport(figures, machine, rounds)
process.exitCode = failed.length > 0 || figures.some((figure) => verdictOf(figure) === 'MISSED') ? 1 : 0
