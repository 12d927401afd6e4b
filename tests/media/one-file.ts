import { openDeps, type ServedConfig } from '../../src/deps.ts'
import { checkUploaded } from '../../src/domain/media/check-uploaded.ts'
import { fetchAttachment } from '../../src/domain/media/fetch-attachment.ts'
import { readConfig } from '../../src/platform/config.ts'

/** A process that does one thing with one file and ends, to be killed in the middle of it: `node one-file.ts fetch|check TENANT ATTACHMENT`. */
const [does, tenantId = '', attachmentId = ''] = process.argv.slice(2)
const deps = openDeps(readConfig() as ServedConfig, 'one-file')
if (does === 'fetch') await fetchAttachment(deps, { tenantId, attachmentId })
else await checkUploaded(deps, tenantId, [attachmentId])
await deps.close()
process.exit(0)
