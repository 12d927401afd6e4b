import { customerView } from '../crm/customer.ts'
import { tagView } from '../crm/tag.ts'
import { event } from './define.ts'

const customer = { customer: customerView }
const tag = { tag: tagView }

export const crmEvents = [
  event('customer.created', 'tenant', 'A customer was added.', customer),
  event('customer.updated', 'tenant', 'Something about a customer changed.', customer),
  event('customer.deleted', 'tenant', 'A customer was deleted; it can be restored.', customer),
  event('customer.restored', 'tenant', 'A deleted customer is back.', customer),
  event('tag.created', 'tenant', 'A tag was added.', tag),
  event('tag.updated', 'tenant', "A tag's name or colour changed.", tag),
  event('tag.deleted', 'tenant', 'A tag was deleted; it can be restored.', tag),
  event('tag.restored', 'tenant', 'A deleted tag is back.', tag),
] as const
