import { expect, test } from 'vitest'
import { person, written } from './cloud-bodies.ts'
import { startIngest } from './ingest-hub.ts'

/** Somebody writes again so many minutes after their conversation was resolved; the states of their conversations then. */
async function writeAgain(hours: string, minutesAfter: number): Promise<string[]> {
  await using hub = await startIngest({ CONVERSATION_REOPEN_HOURS: hours })
  const cora = person()
  await hub.deliver(written(cora, 'hello'))
  await hub.ingest()
  await hub.asOwner(
    `update conversations set status = 'resolved', resolved_at = now() - make_interval(mins => ${minutesAfter})`,
  )
  await hub.deliver(written(cora, 'and another thing'))
  await hub.ingest()
  return (await hub.shown()).conversations.map(({ status }) => status)
}

test('[CON2] a customer who writes within CONVERSATION_REOPEN_HOURS has their conversation back', async () => {
  expect(await writeAgain('2', 119)).toEqual(['open'])
})

test('[CON2] a customer who writes later has a new one', async () => {
  expect(await writeAgain('2', 121)).toEqual(['resolved', 'open'])
})

test('[CON2] with CONVERSATION_REOPEN_HOURS=0 every conversation that was resolved stays so', async () => {
  expect(await writeAgain('0', 0)).toEqual(['resolved', 'open'])
})
