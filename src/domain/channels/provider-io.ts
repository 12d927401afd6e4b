import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config.ts'
import type { ProviderIo } from '../../providers/port.ts'

/** What adapters may touch, from the configuration of this process. */
export function providerIo(deps: {
  readonly config: Pick<
    Config,
    'PROVIDER_TIMEOUT_MS' | 'GRAPH_API_URL' | 'EVOLUTION_API_URL' | 'EVOLUTION_API_KEY' | 'MEDIA_HOSTS'
  >
  readonly clock: Clock
}): ProviderIo {
  const { config, clock } = deps
  return {
    fetch,
    timeoutMs: config.PROVIDER_TIMEOUT_MS,
    now: () => clock.now(),
    graphApiUrl: config.GRAPH_API_URL,
    ...(config.EVOLUTION_API_URL === undefined ? {} : { evolutionApiUrl: config.EVOLUTION_API_URL }),
    ...(config.EVOLUTION_API_KEY === undefined ? {} : { evolutionApiKey: config.EVOLUTION_API_KEY }),
    mediaHosts: config.MEDIA_HOSTS,
  }
}
