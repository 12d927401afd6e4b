import type { Deps } from '../src/deps.ts'
import { tidyImports } from '../src/domain/imports/tidy-imports.ts'
import { purgeRecords } from '../src/domain/retention/purge-records.ts'
import type { SweepTask } from './sweep.ts'

const tidyImportsMs = 600_000
/** Imports that one look throws away. */
const mostImports = 500
const purgeMs = 60_000
/** Records of each kind that one look does away with. */
const mostPurged = 500

/** What people deleted or brought, once its time is over. */
export function retention(deps: Deps): readonly SweepTask[] {
  return [
    {
      name: 'tidy-imports',
      everyMs: tidyImportsMs,
      run: async () => {
        await tidyImports(deps, { atMost: mostImports })
      },
    },
    {
      name: 'purge-deleted',
      everyMs: purgeMs,
      run: async () => {
        await purgeRecords(deps, { atMost: mostPurged })
      },
    },
  ]
}
