import { Failure } from '../contract/errors.ts'
import { createOperatorKey, listOperatorKeys, revokeOperatorKey } from '../domain/operators/operator-keys.ts'
import { type VerbGroup, verb } from './command.ts'
import { Refusal } from './failure.ts'
import { withInstallation } from './installation.ts'
import { endHint, endOfKey, stateOf, tones } from './key-life.ts'
import { operatorName } from './operator.ts'
import { option, required, upTo } from './options.ts'
import { moment } from './output.ts'

const create = verb({
  summary: 'Make a key that operates the installation over REST. It is shown once, now.',
  options: {
    name: required('NAME', 'Who or what has it; the trails of tenants show it.', upTo(100)),
    expires: option('WHEN', endHint, endOfKey),
  },
  notes: `Programs send it as Authorization: Bearer so_... to /operator/tenants: they list tenants, suspend and resume them and say
how much each may have. It reads nothing of any tenant and opens no sockets. Only the command line makes one.`,
  run: async ({ options, out }) => {
    const input = { name: options.name, expiresAt: options.expires ?? null }
    const made = await withInstallation((installation) =>
      createOperatorKey(installation, operatorName(), input),
    )
    out.answer({ ...made, name: options.name }, () => {
      out.line(made.key)
      out.note(`made key ${made.prefix} (${made.id}); this is the only time that it is shown`)
    })
    return undefined
  },
})

const list = verb({
  summary: 'List the keys that operate the installation, the newest first.',
  run: async ({ out }) => {
    const found = await withInstallation((installation) => listOperatorKeys(installation))
    const keys = found.map((key) => ({ ...key, state: stateOf(key) }))
    out.answer({ keys }, () =>
      out.table(
        keys,
        [
          { title: 'PREFIX', cell: (one) => one.prefix },
          { title: 'NAME', cell: (one) => one.name },
          { title: 'STATE', cell: (one) => one.state, tone: (one) => tones[one.state] },
          { title: 'EXPIRES', cell: (one) => moment(one.expiresAt) },
          { title: 'LAST USED', cell: (one) => moment(one.lastUsedAt) },
          { title: 'MADE BY', cell: (one) => one.madeBy },
          { title: 'ID', cell: (one) => one.id },
        ],
        'There are none; make one: switchboard operator create',
      ),
    )
    return undefined
  },
})

const revoke = verb({
  summary: 'End such a key for good; the next request with it is refused.',
  operands: ['KEY'],
  notes: 'KEY: its id or its prefix.',
  run: async ({ operands: [reference = ''], out }) => {
    const { view, changed } = await withInstallation((installation) =>
      revokeOperatorKey(installation, operatorName(), reference),
    ).catch((error: unknown) => {
      if (error instanceof Failure && error.code === 'not_found')
        throw new Refusal(`there is no key ${reference}; switchboard operator list shows them`, {
          cause: error,
        })
      throw error
    })
    out.answer({ id: view.id, prefix: view.prefix, changed }, () =>
      out.line(`key ${view.prefix} (${view.name}) is ${changed ? '' : 'already '}revoked`),
    )
    return undefined
  },
})

export const operator: VerbGroup = {
  summary: 'Make, list and revoke keys with which the installation is operated over REST.',
  verbs: { create, list, revoke },
}
