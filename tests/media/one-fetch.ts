import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { readConfig } from '../../src/platform/config.ts'

/** A process that fetches one file and ends: `node one-fetch.ts TENANT ATTACHMENT`, to be killed in the middle of it. */
const [tenantId = '', attachmentId = ''] = process.argv.slice(2)
const deps = openDeps(readConfig() as ServedConfig, 'one-fetch')
await fetchAttachment(deps, { tenantId, attachmentId })
await deps.close()
process.exit(0)
