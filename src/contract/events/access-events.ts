import { z } from 'zod'
import { channelMembers, keyView, teamView } from '../access.ts'
import { channelView } from '../channel.ts'
import { role, tenantView, userView } from '../records.ts'
import { event } from './define.ts'

/** Whoever joined or left sees other conversations from here on, and starts from a snapshot. */
const team = { team: teamView, joined: z.array(z.uuid()), left: z.array(z.uuid()) }
const key = { key: keyView }

export const accessEvents = [
  event('user.joined', 'user readers', 'Somebody signed in for the first time, or was invited.', {
    user: userView,
  }),
  event('user.updated', 'user readers', "Somebody's name or role changed.", {
    user: userView,
    /** Only when the role changed. Whoever it is about sees other things from here on, and starts from a snapshot. */
    formerRole: role.optional(),
  }),
  event('user.disabled', 'user readers', 'Somebody may no longer come in.', { user: userView }),
  event('team.created', 'user readers', 'There is a new team.', team),
  event('team.updated', 'user readers', 'A team has another name or other members.', team),
  event('team.deleted', 'user readers', 'A team is gone; its conversations were handed on before.', team),
  event('channel.updated', 'channel readers', "A number's state, health, name or members changed.", {
    channel: channelView,
    /** Only when they changed: who works on it now, and who did before. */
    members: z.strictObject({ now: channelMembers, before: channelMembers }).optional(),
  }),
  event('key.created', 'admins', 'A program got a key.', key),
  event('key.revoked', 'admins', 'A key was ended for good.', key),
  event('tenant.updated', 'tenant', 'The tenant was suspended, let back in, or has other settings.', {
    tenant: tenantView,
  }),
] as const
