import { expect, test } from 'vitest'
import { startWorkers } from '../../workers/server.ts'
import { eventually } from '../harness/eventually.ts'
import { startIntake, textTo } from '../webhooks/intake-hub.ts'

test('[HOOK5] processed deliveries and the quarantine are kept for their time and then thrown away; what waits is not', async () => {
  await using intake = await startIntake({ WEBHOOK_KEEP_DAYS: '2', WEBHOOK_QUARANTINE_DAYS: '5' })
  const number = await intake.addNumber()
  for (const state of ['done', 'quarantined', 'parked', 'new'])
    for (const days of [1, 3, 6]) {
      await intake.post(number, textTo(number))
      await intake.asOwner(
        `update webhook_inbox set state = $1, channel_id = null, reason = $3, received_at = now() - make_interval(days => $2)
         where id = (select max(id) from webhook_inbox)`,
        [state, days, `${state} for ${days}`],
      )
    }
  const workers = startWorkers(intake.hub.deps)
  intake.hub.onClose(() => workers.close())
  await eventually(async () =>
    expect((await intake.inbox()).map(({ reason }) => reason)).toEqual([
      'done for 1',
      'quarantined for 1',
      'quarantined for 3',
      'parked for 1',
      'parked for 3',
      'parked for 6',
      'new for 1',
      'new for 3',
      'new for 6',
    ]),
  )
})
