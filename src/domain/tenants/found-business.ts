import { randomBytes } from 'node:crypto'
import type { NewBusiness } from '../../auth/entry.ts'
import { Failure } from '../../contract/errors.ts'
import type { LogDeps } from '../../log/tenant-tx.ts'
import { createTenant } from './create-tenant.ts'

/**
 * The tenant of a business of the platform whose owner comes for the first time. Of several who come at the same moment one
 * makes it; the others find it when they look again. An operator may have given the slug away already, so a second try
 * has one that nobody can have guessed.
 */
export async function foundBusiness(deps: LogDeps, business: NewBusiness): Promise<void> {
  const { businessId, ownerId, name } = business
  const slug = `business-${businessId ?? ownerId}`
  for (const one of [slug, `${slug}-${randomBytes(4).toString('hex')}`]) {
    try {
      await createTenant(deps, { slug: one, name, platform: { businessId, ownerId } }, 'the platform')
      return
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'conflict')) throw error
    }
  }
}
