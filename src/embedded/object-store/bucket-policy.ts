import { S3Error } from './s3-error.ts'

interface Statement {
  allows: boolean
  actions: RegExp[]
  resources: RegExp[]
}

/**
 * Reads a bucket policy (IAM JSON policy) as far as it concerns strangers: statements for everybody, with wildcards in
 * actions and resources. What we could not honour (conditions, NotAction and the like) is refused rather than ignored.
 */
export function parsePolicy(text: string): Statement[] {
  let policy: { Statement?: unknown }
  try {
    policy = JSON.parse(text) as typeof policy
  } catch {
    throw new S3Error('MalformedPolicy', 'the policy is not JSON')
  }
  if (typeof policy !== 'object' || policy === null)
    throw new S3Error('MalformedPolicy', 'the policy is not an object')
  return listOf(policy.Statement).flatMap((statement) => parseStatement(statement as Record<string, unknown>))
}

const understood = ['Sid', 'Effect', 'Principal', 'Action', 'Resource']

function parseStatement(statement: Record<string, unknown>): Statement[] {
  const strange = Object.keys(statement ?? {}).find((name) => !understood.includes(name))
  if (strange !== undefined) throw new S3Error('NotImplemented', `policies with ${strange} are not supported`)
  const { Effect, Principal, Action, Resource } = statement
  if (Effect !== 'Allow' && Effect !== 'Deny')
    throw new S3Error('MalformedPolicy', 'Effect must be Allow or Deny')
  if (Action === undefined || Resource === undefined || Principal === undefined) {
    throw new S3Error('MalformedPolicy', 'a statement needs Principal, Action and Resource')
  }
  const named =
    typeof Principal === 'object' && Principal !== null
      ? Object.values(Principal).flatMap(listOf)
      : [Principal]
  // The store has one account, which may do everything; statements for others concern nobody.
  if (!named.includes('*')) return []
  const resources = listOf(Resource).map((resource) =>
    wildcard(String(resource).replace(/^arn:aws:s3:::/, '')),
  )
  return [
    {
      allows: Effect === 'Allow',
      actions: listOf(Action).map((action) => wildcard(String(action))),
      resources,
    },
  ]
}

/** True when the policy lets strangers do `action` (e.g. s3:GetObject) to `resource` (bucket or bucket/key). */
export function allowsEverybody(policy: string | undefined, action: string, resource: string): boolean {
  if (policy === undefined) return false
  const concerned = parsePolicy(policy).filter(
    ({ actions, resources }) =>
      actions.some((one) => one.test(action)) && resources.some((one) => one.test(resource)),
  )
  return concerned.length > 0 && concerned.every(({ allows }) => allows)
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

/** `*` stands for any text, `?` for one character. */
function wildcard(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}
