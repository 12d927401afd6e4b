import { ConfigError, type DescribedSetting, describeConfig, readConfig } from '../platform/config.ts'
import { type VerbGroup, verb } from './command.ts'
import { exitCodes } from './exit-codes.ts'
import { flag } from './options.ts'
import { findInstallation } from './installation.ts'

interface Printed extends Omit<DescribedSetting, 'source'> {
  readonly source: DescribedSetting['source'] | 'embedded'
}

const print = verb({
  summary: 'Print every setting with its value and where it came from; secrets are masked.',
  options: { changed: flag('Only what is not the default.') },
  notes: `Sources: environment; file (NAME_FILE); made (a secret that development keeps under DATA_DIR); embedded (a server that
npm start runs at this moment); default.`,
  run: async ({ out, options }) => {
    const { config, fromEmbedded } = await findInstallation()
    const settings = describeConfig(config)
      .map((one): Printed => (fromEmbedded.has(one.name) ? { ...one, source: 'embedded' } : one))
      .filter((one) => !options.changed || one.source !== 'default')
    out.answer({ settings }, () =>
      out.table(
        settings,
        [
          { title: 'SETTING', cell: (one) => one.name },
          { title: 'VALUE', cell: (one) => (one.unit ? `${one.value} ${one.unit}` : one.value) },
          {
            title: 'SOURCE',
            cell: (one) => one.source,
            tone: (one) => (one.source === 'default' ? 'dim' : 'plain'),
          },
        ],
        'Every setting has its default.',
      ),
    )
    return undefined
  },
})

const check = verb({
  summary: 'Say whether the configuration can work, and everything that is wrong with it.',
  notes: 'Exit code 78 when it cannot. Only the settings are looked at; doctor looks at the servers too.',
  run: async ({ out }) => {
    try {
      readConfig()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      out.answer({ ok: false, problems: error.problems }, () => {
        for (const problem of error.problems) out.line(problem, 'fail')
      })
      return exitCodes.configuration
    }
    out.answer({ ok: true, problems: [] }, () => out.line('The configuration is usable.', 'ok'))
    return undefined
  },
})

export const config: VerbGroup = {
  summary: 'Print or check the configuration.',
  verbs: { print, check },
}
