import type { ListedTemplate, ProviderChannel, ProviderIo, TemplatePage } from '../port.ts'
import { field, inner, listOf, present, recordOf, storable, textIn, type Untrusted } from '../untrusted.ts'
import { callGraph } from './graph.ts'
import { failureOf, unclearAnswer } from './outcome.ts'
import { languageOf } from './parse/templates.ts'

const fields = [
  'id',
  'name',
  'language',
  'status',
  'category',
  'components',
  'parameter_format',
  'quality_score',
  'rejected_reason',
]
const pageSize = 100
/** Meta's cursors have some dozen characters. */
const longestCursor = 1000

/** One page of the account's templates (reference 9.1), with everything that is needed to show them and fill them in. */
export async function listTemplates(
  channel: ProviderChannel,
  io: ProviderIo,
  after: string | null,
): Promise<TemplatePage> {
  const account = encodeURIComponent(channel.settings.wabaId ?? '')
  const from = after === null ? '' : `&after=${encodeURIComponent(after)}`
  const path = `/${account}/message_templates?fields=${fields.join(',')}&limit=${pageSize}${from}`
  const call = await callGraph(channel, io, 'GET', path)
  if (call.kind !== 'answer' || call.status !== 200) return failed(failureOf(call, io, false))
  const answer = recordOf(call.json)
  if (!Array.isArray(field(answer, 'data'))) return failed(unclearAnswer(call.status, false))
  const entries = listOf(field(answer, 'data'))
  const templates = entries.map((entry) => templateOf(recordOf(entry))).filter((one) => one !== undefined)
  const paging = inner(answer, 'paging')
  const goesOn = textIn(paging, 'next') !== undefined
  const next = goesOn ? cursorOf(paging, after) : null
  // A list that goes on and does not say where is one of which not everything was read.
  const unreadable = entries.length - templates.length + (goesOn && next === null ? 1 : 0)
  return { kind: 'page', templates, unreadable, next }
}

/** Only the cursor of what follows: its address holds the token. One that does not move on would be read for ever. */
function cursorOf(paging: Untrusted | undefined, after: string | null): string | null {
  const cursor = textIn(inner(paging, 'cursors'), 'after')
  return cursor === undefined || cursor === after || cursor.length > longestCursor ? null : cursor
}

function templateOf(entry: Untrusted | undefined): ListedTemplate | undefined {
  const providerTemplateId = textIn(entry, 'id')
  const name = textIn(entry, 'name')
  const language = languageOf(textIn(entry, 'language'))
  if (providerTemplateId === undefined || name === undefined || language === undefined) return undefined
  const reason = textIn(entry, 'rejected_reason')
  return {
    providerTemplateId,
    name,
    language,
    ...present({
      status: textIn(entry, 'status'),
      category: textIn(entry, 'category'),
      quality: textIn(inner(entry, 'quality_score'), 'score'),
      reason: reason === 'NONE' ? undefined : reason,
    }),
    components: listOf(storable(field(entry, 'components'))),
    detail: present({ parameterFormat: textIn(entry, 'parameter_format') }),
  }
}

function failed(failure: ReturnType<typeof failureOf>): TemplatePage {
  return failure.kind === 'later'
    ? { kind: 'later', afterMs: failure.afterMs, error: failure.error }
    : { kind: 'refused', error: failure.error }
}
