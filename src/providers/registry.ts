import { evolution } from './evolution/adapter.ts'
import { fake } from './fake/adapter.ts'
import type { ProviderAdapter, ProviderName } from './port.ts'
import { whatsappCloud } from './whatsapp-cloud/adapter.ts'

/** Every network that we speak. */
export const providers: Readonly<Record<ProviderName, ProviderAdapter>> = {
  'whatsapp-cloud': whatsappCloud,
  evolution,
  fake,
}
