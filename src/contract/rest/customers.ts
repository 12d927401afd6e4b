import { z } from 'zod'
import { customerStatuses } from '../crm/customer.ts'
import { patchesCustomValues, wholeCustomValues } from './custom-fields.ts'
import { line, optionalEmail, optionalLine, optionalPhone, optionalUrl, ownerId } from './record-input.ts'

/** Ids of tags; each counts once. */
const tags = z
  .array(z.int32().positive())
  .max(100)
  .transform((ids) => [...new Set(ids)].sort((one, other) => one - other))

/** POST and PUT: a whole customer. What is left out is empty. */
export const wholeCustomer = z.strictObject({
  name: line(255),
  email: optionalEmail.default(null),
  phone: optionalPhone.default(null),
  company: optionalLine(255).default(null),
  website: optionalUrl.default(null),
  address: optionalLine(1000).default(null),
  status: z.enum(customerStatuses).default('lead'),
  source: optionalLine(120).default(null),
  ownerId: ownerId.default(null),
  customFields: wholeCustomValues,
  tags: tags.default([]),
})

/** PATCH: what is to change. */
export const customerPart = patchesCustomValues(
  z.strictObject({
    name: line(255).optional(),
    email: optionalEmail.optional(),
    phone: optionalPhone.optional(),
    company: optionalLine(255).optional(),
    website: optionalUrl.optional(),
    address: optionalLine(1000).optional(),
    status: z.enum(customerStatuses).optional(),
    source: optionalLine(120).optional(),
    ownerId: ownerId.optional(),
    tags: tags.optional(),
  }),
)
