import type { LogDeps } from '../../log/tenant-tx.ts'
import type { Config } from '../../platform/config.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Storage } from '../../platform/storage.ts'

/** What use cases about files may touch. */
export interface MediaDeps extends LogDeps {
  readonly config: Config
  readonly storage: Storage
  readonly log: Logger
  readonly metrics: Metrics
}
