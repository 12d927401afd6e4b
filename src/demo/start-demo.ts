import type { Opened } from '../all-in-one/opened.ts'
import { CannotStart } from '../all-in-one/program.ts'
import type { Progress } from '../all-in-one/progress.ts'
import { ensureTenant, startAllInOne } from '../all-in-one/start.ts'
import { connectChannel } from '../domain/channels/connect-channel.ts'
import { type Config, ConfigError, describeConfig } from '../platform/config.ts'
import { type Simulator, startSimulator } from '../simulator/simulator.ts'
import { ensureTeams } from './company.ts'
import { ensureDemoChannel, realChannels } from './demo-channel.ts'
import { playOpening } from './opening-scene.ts'
import { demoTenant, signIn, signPeople } from './people.ts'
import { signInPage } from './sign-in-page.ts'
import { welcome } from './welcome.ts'

const customers = 12
/** One thing in six seconds: enough to see it live, slow enough to read along. */
const actsPerSecond = 1 / 6

/**
 * All in one with a simulated WhatsApp behind it, a tenant with people, teams and conversations, and customers who keep
 * writing. Starting it again finds everything as it was left. `lines`: what to tell whoever started it.
 */
export async function startDemo(
  given: Config,
  opened: Opened,
  progress: Progress,
  seed: number,
): Promise<{ url: string; lines: string[] }> {
  const missing = ['gateway', 'rest', 'workers'].filter((part) => !given.RUN.includes(part))
  if (missing.length > 0) throw new ConfigError([`RUN: the demo needs ${missing.join(' and ')} too`])
  const simulator = await openSimulator(given, seed, progress)
  opened.defer(() => simulator.close())
  const hub = await startAllInOne(
    {
      ...given,
      LOG_LEVEL: quietUnlessAsked(given),
      GRAPH_API_URL: simulator.graphApiUrl,
      MEDIA_HOSTS: [...given.MEDIA_HOSTS, simulator.host],
    },
    opened,
    progress,
    signInPage(given.BASE_PATH),
  )
  // Goes before the hub: its last sends are still answered, but nobody writes any more.
  opened.defer(() => simulator.hush())
  const { deps, url } = hub
  const real = await realChannels(deps)
  if (real.length > 0)
    throw new CannotStart(
      `the demo plays WhatsApp for every number, and this database has numbers of the real one: ${real.join(', ')}. Set DATA_DIR (or DATABASE_URL) to one of its own.`,
    )
  await ensureTenant(deps, demoTenant.slug, demoTenant.name)
  const signed = signPeople(deps.config)
  const teams = await ensureTeams(deps, await signIn(deps, signed))
  const staff = await signIn(deps, signed)
  const channel = await ensureDemoChannel(deps, staff.admin, url)
  const line = simulator.connect(channel.number, customers)
  await connectChannel(deps, staff.admin.tenantId, channel.id)
  if (!(await line.subscribe())) throw new CannotStart('the hub does not take webhooks of the simulator')
  await progress.step(
    'demo data',
    () => playOpening({ deps, staff, channelId: channel.id, teams, crowd: line.crowd }),
    (played) => (played ? 'made' : 'as it was left'),
  )
  line.crowd.begin(actsPerSecond)
  const about = `WhatsApp is simulated at ${simulator.graphApiUrl}: ${customers} customers, seed ${seed}`
  return { url, lines: [about, ...welcome(url, given.DATA_DIR, signed)] }
}

/** A line for each webhook of the simulator would bury what the demo has to say. */
function quietUnlessAsked(config: Config): Config['LOG_LEVEL'] {
  const setting = describeConfig(config).find(({ name }) => name === 'LOG_LEVEL')
  return setting?.source === 'default' ? 'warn' : config.LOG_LEVEL
}

async function openSimulator(config: Config, seed: number, progress: Progress): Promise<Simulator> {
  try {
    return await startSimulator({
      port: config.SIMULATOR_PORT,
      seed,
      log: (line) => progress.say(`simulator: ${line}`),
    })
  } catch (error) {
    throw new CannotStart(
      `the simulator cannot listen on 127.0.0.1:${config.SIMULATOR_PORT} (${(error as NodeJS.ErrnoException).code}); set SIMULATOR_PORT to another port (0 picks a free one)`,
      { cause: error },
    )
  }
}
