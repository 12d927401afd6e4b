import { z } from 'zod'
import { activityView } from '../crm/activity.ts'
import { customFieldView } from '../crm/custom-field.ts'
import { customerView } from '../crm/customer.ts'
import { importView } from '../crm/import.ts'
import { savedViewEntities, savedViewView } from '../crm/saved-view.ts'
import { tagView } from '../crm/tag.ts'
import { event } from './define.ts'

const activity = { activity: activityView }
const customField = { custom_field: customFieldView }
const customer = { customer: customerView }
const file = { import: importView }
const savedView = { saved_view: savedViewView }
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
  event('custom_field.created', 'tenant', 'Records of a kind have one more field.', customField),
  event('custom_field.updated', 'tenant', 'Something about a custom field changed.', customField),
  event('custom_field.deleted', 'tenant', 'A custom field was deleted: hide its values.', customField),
  event('custom_field.restored', 'tenant', 'A deleted custom field is back.', customField),
  event('saved_view.created', 'shared', 'A view of a list was saved.', savedView),
  event(
    'saved_view.updated',
    'shared',
    'Something about a saved view changed, or it is shared now.',
    savedView,
  ),
  event('saved_view.deleted', 'shared', 'A saved view was deleted; it can be restored.', savedView),
  event('saved_view.restored', 'shared', 'A deleted saved view is back.', savedView),
  event(
    'saved_view.hidden',
    'tenant',
    'A saved view is no longer shared: forget it. Its owner gets `saved_view.updated` right behind.',
    { savedViewId: z.number().int(), version: z.number().int() },
  ),
  event('default_view.changed', 'user', 'A list of yours begins with another saved view, or with none.', {
    entity: z.enum(savedViewEntities),
    viewId: z.number().int().nullable(),
  }),
  event('activity.created', 'owner', 'There is something more to do.', activity),
  event('activity.updated', 'owner', 'Something about an activity changed.', activity),
  event('activity.completed', 'owner', 'An activity is done.', activity),
  event('activity.reminded', 'owner', 'The time of its reminder has come. Once per reminder.', activity),
  event('activity.deleted', 'owner', 'An activity was deleted; it can be restored.', activity),
  event('activity.restored', 'owner', 'A deleted activity is back.', activity),
  event('activity.hidden', 'lost sight', 'You may no longer see an activity: forget it.', {
    activityId: z.number().int(),
    version: z.number().int(),
  }),
  event('import.created', 'owner', 'Somebody is about to bring a file of records.', file),
  event('import.progressed', 'owner', 'A file is being written. At most once per second.', file),
  event('import.finished', 'owner', 'A file was written, failed, or was cancelled.', file),
  event('import.deleted', 'owner', 'An import is kept no longer: forget it.', { importId: z.uuid() }),
] as const
