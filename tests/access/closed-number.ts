import type { ActivityView } from '../../src/contract/crm/activity.ts'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import { buildChannel } from '../harness/crowd.ts'
import { startHub } from '../harness/hub.ts'
import { startRestOf } from '../harness/rest-client.ts'

export interface Row {
  readonly id: number
}

/** Ana works on a closed number, Ben does not; there is an open number as well. */
export async function closeNumber() {
  const hub = await startHub()
  const rest = await startRestOf(hub)
  const [admin, ana, ben] = [
    await hub.signIn('admin', { sub: 'adam' }),
    await hub.signIn('agent', { sub: 'ana' }),
    await hub.signIn('agent', { sub: 'ben' }),
  ]
  const [open, closed] = [await buildChannel(hub), await buildChannel(hub)]
  await rest.call('PUT', `/api/v1/channels/${closed}/members`, {
    token: admin.token,
    json: { membersOnly: true, memberIds: [ana.actor.id] },
  })
  const as = (token: string) => {
    const call = <Body = { code?: string }>(method: string, path: string, json?: object) =>
      rest.call<Body>(method, path, { token, ...(json && { json }) })
    const rows = async (path: string): Promise<number[]> => {
      const { status, body, text } = await call<{ data: Row[] }>('GET', path)
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
      return body.data.map(({ id }) => id).sort((one, other) => one - other)
    }
    const make = async <View extends Row = Row>(path: string, json: object): Promise<View> => {
      const { status, body, text } = await call<{ data: View }>('POST', path, json)
      if (status !== 201) throw new Error(`${path}: ${status} ${text}`)
      return body.data
    }
    const change = async (path: string, json: object): Promise<void> => {
      const { status, text } = await call('PATCH', path, json)
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    }
    return { call, rows, make, change }
  }
  const boss = as(admin.token)
  const stages = await boss.call<{ data: PipelineStageView[] }>('GET', '/admin/pipeline-stages')
  const [stage] = stages.body.data
  const deal = async (title: string, more: object = {}) =>
    boss.make<DealView>('/admin/deals', { title, stageId: stage?.id, ...more })
  const task = async (subject: string, more: object = {}) =>
    boss.make<ActivityView>('/admin/activities', { type: 'task', subject, ...more })
  return { hub, rest, admin, ana, ben, open, closed, as, boss, stageId: stage?.id ?? 0, deal, task }
}
