import type { z } from 'zod'
import { identitySettings } from './settings/identity.ts'
import { liveSettings } from './settings/live.ts'
import { messageSettings } from './settings/messages.ts'
import { processSettings } from './settings/processes.ts'
import { restSettings } from './settings/rest.ts'
import type { Setting } from './settings/setting.ts'

/**
 * Every setting of every process, once. The README's table and `.env.example` are checked against this list.
 * A setting that is empty counts as not set.
 */
export const settings = {
  ...processSettings,
  ...identitySettings,
  ...restSettings,
  ...messageSettings,
  ...liveSettings,
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof settings
export type ConfigValues = { [K in SettingName]: z.infer<(typeof settings)[K]['schema']> }
