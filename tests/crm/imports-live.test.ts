import { expect, test } from 'vitest'
import { tidyImports } from '../../src/domain/imports/tidy-imports.ts'
import { asSuperuser } from '../cli/cli.ts'
import { startApi } from '../harness/api.ts'
import { startHub } from '../harness/hub.ts'
import { expectReplayEqualsSnapshot, takeState, type Watcher } from '../harness/replay.ts'
import { bring, openWithWorkers, upload } from './bringing.ts'

test('[CSV8] [SYN2] screens hold the imports that their reader may see, from the first word to the day on which they go', async () => {
  await using hub = await startHub({ IMPORT_KEEP_DAYS: '30' })
  const rest = await openWithWorkers(hub)
  const api = await startApi(hub)
  const signIn = async (role: 'agent' | 'manager' | 'viewer', sub: string): Promise<Watcher> => ({
    name: sub,
    token: (await hub.signIn(role, { sub })).token,
  })
  const bringer = await signIn('agent', 'bringer')
  const colleague = await signIn('agent', 'colleague')
  const [manager, viewer] = [await signIn('manager', 'manager'), await signIn('viewer', 'viewer')]
  const watchers = [bringer, colleague, manager, viewer]
  const net = <T>(act: () => Promise<T>) => expectReplayEqualsSnapshot(hub, act, { api, watchers })
  const holds = async (watcher: Watcher) =>
    [...(await takeState(api, watcher)).imports.values()].map(({ state }) => state).toSorted()

  const { token } = bringer
  const waiting = await net(() => upload(rest, token, 'name\nx\n'))
  await net(() => bring(rest, token, 'name,email\nx,a@b.example\ny,A@b.example\n', { upsertKey: 'email' }))
  await net(() => bring(rest, token, 'name\nx\n\n', { dryRun: true }))
  await net(() => bring(rest, manager.token, 'email\nx@y.example\n'))
  await net(() => rest.call('POST', `/admin/imports/${waiting.id}/cancel`, { token }))
  expect(await holds(bringer)).toEqual(['cancelled', 'done', 'done'])
  expect(await holds(manager)).toEqual(['cancelled', 'done', 'done', 'failed'])
  expect([await holds(colleague), await holds(viewer)]).toEqual([[], []])

  await asSuperuser(hub, (query) =>
    query(`update imports set finished_at = now() - interval '31 days' where owner_id <> $1`, [
      waiting.ownerId,
    ]),
  )
  await net(() => tidyImports(hub.deps, { atMost: 100 }))
  expect(await holds(manager)).toEqual(['cancelled', 'done', 'done'])
}, 120_000)
