import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { signInLink } from './sign-in-page.ts'
import type { SignedPerson } from './people.ts'

/**
 * What to do next, for somebody who sees this for the first time: a link for everybody who can sign in, and two commands to paste. The
 * tokens also go to files, each readable by this account alone, so that the commands stay short.
 */
export function welcome(hubUrl: string, dataDir: string, signed: readonly SignedPerson[]): string[] {
  const directory = resolve(dataDir, 'demo')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const { key, token } of signed) writeFileSync(join(directory, `${key}.token`), token, { mode: 0o600 })
  const managers = `"$(cat '${join(directory, 'manager.token')}')"`
  return [
    '',
    'Sign-in links for a browser, good for a day:',
    ...signed.flatMap(({ key, role, name, token }) => [
      `  ${role} ${name} (${key})`,
      `    ${signInLink(hubUrl, token)}`,
    ]),
    `The tokens alone, for programs, are in ${directory}.`,
    '',
    'Watch what happens:',
    `  node examples/watch.mjs ${hubUrl} ${managers}`,
    'Ask over REST:',
    `  curl -H "Authorization: Bearer $(cat '${join(directory, 'manager.token')}')" ${hubUrl}/api/v1/conversations`,
    '',
  ]
}
