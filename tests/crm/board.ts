import { expect } from 'vitest'
import type { DealView } from '../../src/contract/crm/deal.ts'
import type { PipelineStageView } from '../../src/contract/crm/pipeline.ts'
import type { ErrorBody } from '../../src/contract/errors.ts'
import type { AnyLogEvent } from '../../src/contract/events/catalogue.ts'
import type { Hub } from '../harness/hub.ts'
import { type Desk, openDesk } from './desk.ts'

/** A problem document as tests look at it. */
export type Refusal = Partial<ErrorBody> & {
  errors?: { pointer: string }[]
  details?: Record<string, unknown> & { deal?: DealView }
}

/** Somebody in front of the board of the default pipeline. */
export interface Board extends Desk {
  /** Ids of the stages by name. */
  readonly stages: Readonly<Record<string, number>>
  deal(title: string, more?: object): Promise<DealView>
  move(
    deal: Pick<DealView, 'id'>,
    to: object,
  ): Promise<{ status: number; body: { data: DealView } & Refusal }>
  /** Titles of a stage in the order of the board. */
  column(stage: string): Promise<string[]>
  /** Facts about deals, pipelines and conversations since the beginning that this person hears, by type. */
  heard(): Promise<AnyLogEvent[]>
}

/** Sits somebody down in front of the board. */
export async function openBoard(
  hub: Hub,
  ...who: Parameters<typeof openDesk> extends [Hub, ...infer Rest] ? Rest : never
): Promise<Board> {
  const desk = await openDesk(hub, ...who)
  const list = await desk.get<{ data: PipelineStageView[] }>('pipeline-stages?limit=200')
  const stages = Object.fromEntries(list.data.map(({ name, id }) => [name, id]))
  return {
    ...desk,
    stages,
    deal: (title, more = {}) => desk.make<DealView>('deals', { title, stageId: stages['New'], ...more }),
    move: (deal, to) =>
      desk.call('POST', `deals/${deal.id}/move`, to) as Promise<{
        status: number
        body: { data: DealView } & Refusal
      }>,
    column: async (stage) => {
      const path = `deals?stageId=${stages[stage]}&sort=position&limit=200`
      const { data } = await desk.get<{ data: DealView[] }>(path)
      const positions = data.map(({ position }) => position)
      expect(positions).toEqual([...new Set(positions)].sort())
      return data.map(({ title }) => title)
    },
    heard: async () =>
      (await desk.api.get<{ data: AnyLogEvent[] }>(desk.token, '/events?after=1:0&limit=500')).data,
  }
}
