/**
 * The policy as docs/access.md tells it, written down a second time: which role reaches how far, what each operation and
 * each command takes, and who hears what. Tests hold the servers against it; it shares no line with src/auth. Whatever is
 * not in here fails there, so who adds a route says here as well who may use it.
 */

/** Callers of the tests. `key` is an admin's key without scopes, which may all, `narrow` one whose only scope is record.read. */
export const callers = ['admin', 'manager', 'agent', 'viewer', 'key', 'narrow', 'none'] as const
export type Caller = (typeof callers)[number]

/** Who may do it at all; `agent~`: only to what is near. */
const reaches: Readonly<Record<string, string>> = {
  'conversation.read': 'viewer agent~ manager admin',
  'conversation.work': 'agent~ manager admin',
  'conversation.assign': 'agent~ manager admin',
  'conversation.start': 'agent manager admin',
  'message.send': 'agent~ manager admin',
  'note.write': 'agent~ manager admin',
  'note.moderate': 'manager admin',
  'record.read': 'viewer agent~ manager admin',
  'record.write': 'agent~ manager admin',
  'deal.read': 'viewer agent~ manager admin',
  'deal.write': 'agent~ manager admin',
  'activity.read': 'viewer agent~ manager admin',
  'activity.write': 'agent~ manager admin',
  'import.read': 'agent~ manager admin',
  'pipeline.manage': 'manager admin',
  'field.manage': 'manager admin',
  'view.write': 'viewer agent manager admin',
  'view.share': 'agent manager admin',
  'view.moderate': 'manager admin',
  'report.read': 'manager admin',
  'media.upload': 'agent manager admin',
  'channel.read': 'viewer agent manager admin',
  'channel.manage': 'admin',
  'user.read': 'viewer agent manager admin',
  'user.manage': 'admin',
  'tenant.read': 'manager admin',
  'tenant.manage': 'admin',
  'key.manage': 'admin',
  'audit.read': 'admin',
  'signed-in': 'viewer agent manager admin',
  /** Nobody of a tenant; tests/access/operators.test.ts has who may. */
  operator: '',
}

const narrowScopes = ['record.read', 'signed-in']

/** How far somebody reaches with an action. */
export function reachOf(caller: Caller, action: string): 'all' | 'near' | 'no' {
  const reach = reaches[action]
  if (reach === undefined) throw new Error(`the table has no action ${action}`)
  if (caller === 'none' || (caller === 'narrow' && !narrowScopes.includes(action))) return 'no'
  const role = caller === 'key' || caller === 'narrow' ? 'admin' : caller
  const word = reach.split(' ').find((one) => one.replace('~', '') === role)
  return word === undefined ? 'no' : word.endsWith('~') ? 'near' : 'all'
}

/** Where the thing is that somebody asks for. */
export type Place = 'near' | 'far' | 'other-tenant' | 'nowhere'

/** What an answer must be. */
export function cell(caller: Caller, actions: readonly string[], place: Place): 401 | 403 | 404 | 'in' {
  if (caller === 'none') return 401
  const reach = actions.map((action) => reachOf(caller, action)).filter((one) => one !== 'no')
  if (reach.length === 0) return 403
  if (place === 'other-tenant' || place === 'nowhere') return 404
  // Of several, the first is about things; the others let in whoever made the thing.
  return place === 'far' && reach[0] !== 'all' ? 404 : 'in'
}

/** What promises say otherwise, for a thing that is near (-1) or the nth that is far. */
export function exceptions(name: string, caller: Caller, far: number): 403 | 409 | undefined {
  // Keys are nobody whom colleagues could see at work.
  if (caller === 'key' && (name === 'conversation.view' || name === 'typing')) return 403
  if (!name.endsWith('claim')) return undefined
  // CON3: keys cannot claim; of people whoever could have claimed it is told who did.
  if (caller === 'key') return 403
  return caller === 'agent' && far === 2 ? 409 : undefined
}

/** What each operation takes: paths with their methods; several actions: one of them is enough. */
const taken: Readonly<Record<string, string>> = {
  'activity.read': `
    /admin/activities get
    /admin/activities/{id} get
    /admin/me/activities get`,
  'activity.write': `
    /admin/activities post
    /admin/activities/bulk post
    /admin/activities/{id} put patch delete
    /admin/activities/{id}/complete post
    /admin/activities/{id}/restore post`,
  'audit.read': `
    /admin/audit-logs get`,
  'channel.manage': `
    /api/v1/channels post
    /api/v1/channels/{id} patch delete
    /api/v1/channels/{id}/members put
    /api/v1/channels/{id}/verify post`,
  'channel.read': `
    /api/v1/channels get
    /api/v1/channels/{id} get
    /api/v1/channels/{id}/members get
    /api/v1/templates get
    /api/v1/templates/{id} get`,
  'conversation.assign': `
    /api/v1/conversations/{id}/assign post`,
  'conversation.read': `
    /api/v1/conversations get
    /api/v1/conversations/{id} get
    /api/v1/conversations/{id}/messages get
    /api/v1/conversations/{id}/notes get
    /api/v1/events get
    /api/v1/sync get`,
  'conversation.read media.upload': `
    /api/v1/media/{id} get`,
  'conversation.read record.read deal.read': `
    /api/v1/search get`,
  'conversation.start': `
    /api/v1/conversations post`,
  'conversation.work': `
    /api/v1/conversations/{id}/claim post
    /api/v1/conversations/{id}/labels post
    /api/v1/conversations/{id}/read post
    /api/v1/conversations/{id}/status post`,
  'deal.read': `
    /admin/deals get
    /admin/deals/export get
    /admin/deals/totals get
    /admin/deals/{id} get
    /admin/deals/{id}/stage-changes get`,
  'deal.write': `
    /admin/deals post
    /admin/deals/bulk post
    /admin/deals/{id} put patch delete
    /admin/deals/{id}/move post
    /admin/deals/{id}/restore post`,
  'field.manage': `
    /admin/custom-fields post
    /admin/custom-fields/bulk post
    /admin/custom-fields/{id} put patch delete
    /admin/custom-fields/{id}/restore post`,
  'import.read': `
    /admin/imports get
    /admin/imports/{id} get
    /admin/imports/{id}/errors get`,
  'key.manage': `
    /admin/api-keys get post
    /admin/api-keys/{id} get
    /admin/api-keys/{id}/revoke post`,
  'media.upload': `
    /api/v1/media post`,
  'message.send': `
    /api/v1/conversations/{id}/messages post`,
  'note.write': `
    /admin/notes post
    /admin/notes/bulk post
    /admin/notes/{id} put patch delete
    /admin/notes/{id}/restore post
    /api/v1/conversations/{id}/notes post`,
  operator: `
    /operator/tenants get
    /operator/tenants/{id} get patch
    /operator/tenants/{id}/resume post
    /operator/tenants/{id}/suspend post`,
  'pipeline.manage': `
    /admin/pipeline-stages post
    /admin/pipeline-stages/bulk post
    /admin/pipeline-stages/{id} put patch delete
    /admin/pipeline-stages/{id}/restore post
    /admin/pipelines post
    /admin/pipelines/bulk post
    /admin/pipelines/{id} put patch delete
    /admin/pipelines/{id}/restore post`,
  public: `
    / get
    /api/auth/refresh post
    /api/auth/set-password post
    /api/auth/sign-in post
    /api/auth/sign-out post
    /api/auth/validate post
    /api/webhooks/evolution/{key} post
    /api/webhooks/evolution/{key}/{event} post
    /api/webhooks/whatsapp get post
    /asyncapi.json get
    /docs get
    /docs/style.css get
    /health get
    /metrics get
    /openapi.json get
    /ready get`,
  'record.read': `
    /admin/contacts get
    /admin/contacts/duplicates get
    /admin/contacts/export get
    /admin/contacts/merges get
    /admin/contacts/{id} get
    /admin/contacts/{id}/timeline get
    /admin/custom-fields get
    /admin/custom-fields/{id} get
    /admin/customers get
    /admin/customers/export get
    /admin/customers/{id} get
    /admin/me/default-views get
    /admin/notes get
    /admin/notes/{id} get
    /admin/pipeline-stages get
    /admin/pipeline-stages/{id} get
    /admin/pipelines get
    /admin/pipelines/{id} get
    /admin/saved-views get
    /admin/saved-views/{id} get
    /admin/tags get
    /admin/tags/{id} get`,
  'record.write': `
    /admin/contacts post
    /admin/contacts/bulk post
    /admin/contacts/merges/{mergeId}/undo post
    /admin/contacts/{id} put patch delete
    /admin/contacts/{id}/identities post delete
    /admin/contacts/{id}/merge post
    /admin/contacts/{id}/restore post
    /admin/customers post
    /admin/customers/bulk post
    /admin/customers/{id} put patch delete
    /admin/customers/{id}/restore post
    /admin/customers/{id}/tags/{tagId} post delete
    /admin/imports post
    /admin/imports/{id}/cancel post
    /admin/imports/{id}/start post
    /admin/tags post
    /admin/tags/bulk post
    /admin/tags/{id} put patch delete
    /admin/tags/{id}/restore post`,
  'report.read': `
    /admin/reports/overview get`,
  'signed-in': `
    /admin/me get
    /api/auth/password post`,
  'tenant.manage': `
    /admin/tenant patch`,
  'tenant.read': `
    /admin/tenant get`,
  'user.manage': `
    /admin/teams post
    /admin/teams/{id} patch delete
    /admin/users post
    /admin/users/{id} patch
    /admin/users/{id}/disable post
    /admin/users/{id}/enable post
    /admin/users/{id}/password-token post`,
  'user.read': `
    /admin/teams get
    /admin/teams/{id} get
    /admin/users get
    /admin/users/{id} get
    /api/users/{id}/crm-profile get`,
  'view.write': `
    /admin/me/default-views/{entity} put
    /admin/saved-views post
    /admin/saved-views/bulk post
    /admin/saved-views/{id} put patch delete
    /admin/saved-views/{id}/restore post`,
}

/** `method path` to the actions of which one is needed. */
export const operationActions: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(taken).flatMap(([actions, text]) =>
    text
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [path = '', ...methods] = line.trim().split(' ')
        return methods.map((method) => [`${method} ${path}`, actions.split(' ')] as const)
      }),
  ),
)

/** What each command takes; `session.renew` asks nothing of the policy. */
export const commandActions: Readonly<Record<string, string>> = {
  'message.send': 'message.send',
  'message.react': 'message.send',
  'note.add': 'note.write',
  'conversation.read': 'conversation.work',
  'conversation.claim': 'conversation.work',
  'conversation.assign': 'conversation.assign',
  'conversation.set-status': 'conversation.work',
  'conversation.snooze': 'conversation.work',
  'conversation.label': 'conversation.work',
  'deal.move': 'deal.write',
  'activity.complete': 'activity.write',
  'session.renew': 'signed-in',
  'presence.set': 'signed-in',
  'conversation.view': 'conversation.read',
  'conversation.leave': 'signed-in',
  typing: 'message.send',
}

/** What an event is about decides who hears it; some are about one of several things. */
export const subjects: Readonly<Record<string, string>> = {
  'message.*': 'conversation',
  'conversation.*': 'conversation',
  'conversation.hidden': 'lost-conversation',
  'note.*': 'conversation contact deal tenant',
  'note.hidden': 'lost-contact',
  'contact.*': 'contact',
  'contact.hidden': 'lost-contact',
  'consent.*': 'contact',
  'channel.*': 'channels',
  'template.*': 'channels',
  'user.*': 'users',
  'user.signed_out': 'user',
  'team.*': 'users',
  'tenant.*': 'tenant',
  'key.*': 'admins',
  'customer.*': 'tenant',
  'tag.*': 'tenant',
  'custom_field.*': 'tenant',
  'pipeline.*': 'tenant',
  'pipeline_stage.*': 'tenant',
  'saved_view.*': 'tenant user',
  'saved_view.hidden': 'tenant',
  'default_view.*': 'user',
  'activity.*': 'activity',
  'activity.hidden': 'lost-activity',
  'import.*': 'import',
  'deal.*': 'deal',
  'deal.hidden': 'lost-deal',
}

/** The subjects of an event; fails for one of which the table says nothing. */
export function subjectsOf(type: string): readonly string[] {
  const found = subjects[type] ?? subjects[`${type.slice(0, type.indexOf('.'))}.*`]
  if (found === undefined) throw new Error(`the table does not say who hears ${type}`)
  return found.split(' ')
}
