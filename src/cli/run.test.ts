import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { commands } from './commands.ts'
import { run } from './run.ts'

async function runHere(...args: string[]) {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() }
  const exit = await run(args, streams as never, new AbortController().signal)
  const said = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? ''
  return { exit, stdout: said(streams.stdout), stderr: said(streams.stderr) }
}

test('every command and every verb has help that names its options', async () => {
  for (const [name, entry] of Object.entries(commands)) {
    const command = await entry.load()
    const { exit, stdout } = await runHere(name, '--help')
    expect(exit, name).toBe(0)
    expect(await runHere('help', name)).toMatchObject({ exit: 0, stdout })
    expect(stdout).toContain(command.summary)
    for (const [verb, { options, summary }] of 'verbs' in command ? Object.entries(command.verbs) : []) {
      expect(stdout, `${name} --help`).toContain(`${name} ${verb}`)
      expect(stdout, `${name} --help`).toContain(summary)
      const own = await runHere(name, verb, '-h')
      for (const [option, { doc }] of Object.entries(options ?? {})) {
        expect(own.stdout).toContain(`--${option}`)
        expect(own.stdout).toContain(doc)
        expect(doc, `${name} ${verb}`).toMatch(/^[A-Z].*\.$/s)
      }
    }
  }
}, 30_000)

test.each([
  [['doctr'], 'there is no command doctr; did you mean doctor?'],
  [['frobnicate'], 'there is no command frobnicate; switchboard --help lists them'],
  [['constructor'], 'there is no command constructor'],
  [['tenant'], 'tenant what? create, list, limit, suspend, resume'],
  [['tenant', 'creat', 'acme'], 'there is no tenant creat; did you mean create?'],
  [['tenant', 'toString'], 'there is no tenant toString; there are create, list, limit, suspend, resume'],
  [['tenant', 'create'], 'SLUG is missing'],
  [['tenant', 'create', 'a', 'b'], 'what is b for?'],
  [['tenant', 'list', '--tenants'], 'there is no option --tenants'],
  [['token', '--rol', 'admin'], 'there is no option --rol; did you mean --role?'],
  [['token'], '--role is missing: --role ROLE'],
  [['token', '--role'], '--role needs a value: --role ROLE'],
  [
    ['token', '--role', '--json'],
    '--role needs a value; one that begins with a dash is written --role=--json',
  ],
  [['token', '--role', 'admin', '--role', 'agent'], '--role is given twice'],
  [['token', '--role', 'boss'], '--role: expected one of viewer, agent, manager, admin, not boss'],
  [['token', '--role', 'admin', '--i-know=yes'], '--i-know takes no value'],
  [
    ['token', '--role', 'admin', '--ttl', '1y'],
    '--ttl: expected a length of time such as 90s, 30m, 1h or 7d, not 1y',
  ],
  [['replay', '--tenant', 'main', '--after', '1'], '--after: expected a position such as 1:42, not 1'],
  [
    ['replay', '--tenant', 'main', '--limit', '0'],
    '--limit: expected a whole number from 1 to 1000000000, not 0',
  ],
  [['log', 'new-epoch'], 'name a tenant with --tenant SLUG, or every one with --all'],
  [['redrive', '--id', '7'], '--id needs --state'],
  [['redrive', '--state', 'jobs', '--id', '7'], 'jobs can only be tried again together'],
])('[CLI1] wrong usage, %j, is told with what is right and ends with 2', async (args, message) => {
  const { exit, stdout, stderr } = await runHere(...args)
  expect(stderr).toContain(message)
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
})
