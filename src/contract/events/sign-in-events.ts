import { z } from 'zod'
import { event } from './define.ts'

export const signInEvents = [
  event('user.signed_out', 'user', 'Sign-ins by password ended: their tokens and sockets end too.', {
    userId: z.uuid(),
    sessionIds: z.array(z.uuid()),
  }),
] as const
