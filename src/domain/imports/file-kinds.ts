import type { ImportView } from '../../contract/crm/import.ts'
import { contactFile } from './contact-file.ts'
import { customerFile } from './customer-file.ts'
import { dealFile } from './deal-file.ts'
import type { FileKind } from './file-kind.ts'

/** Kinds of records that go out and come in as files. */
export const fileKinds: Readonly<Record<ImportView['entity'], FileKind>> = {
  customer: customerFile,
  contact: contactFile,
  deal: dealFile,
}
