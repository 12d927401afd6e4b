import { field, inner, listOf, recordOf, textIn, type Untrusted } from '../untrusted.ts'
import { tooLong } from './text-length.ts'

const limits = {
  buttons: 3,
  buttonTitle: 20,
  buttonId: 256,
  buttonBody: 1024,
  header: 60,
  footer: 60,
  sections: 10,
  rows: 10,
  listButton: 20,
  listBody: 4096,
  sectionTitle: 24,
  rowId: 200,
  rowTitle: 24,
  rowDescription: 72,
  displayText: 20,
  products: 30,
  cardsAtLeast: 2,
  cardsAtMost: 10,
} as const

/** Kinds that show no text of ours and so need none. */
const bodiless: ReadonlySet<string> = new Set(['product', 'carousel'])

/** The documented limits of Meta's interactive object (reference 8.1); kinds without documented ones pass. */
export function interactiveProblem(interactive: Untrusted): string | null {
  const kind = textIn(interactive, 'type')
  if (kind === undefined) return 'The interactive object needs a type.'
  const action = inner(interactive, 'action')
  if (action === undefined) return 'The interactive object needs an action.'
  const body = textIn(inner(interactive, 'body'), 'text')
  if (body === undefined && !bodiless.has(kind)) return 'An interactive message needs a body text.'
  const bodyLimit = kind === 'list' ? limits.listBody : limits.buttonBody
  return (
    tooLong('The body', body ?? '', bodyLimit) ??
    tooLong('The header', textIn(inner(interactive, 'header'), 'text') ?? '', limits.header) ??
    tooLong('The footer', textIn(inner(interactive, 'footer'), 'text') ?? '', limits.footer) ??
    actionProblem(kind, action)
  )
}

function actionProblem(kind: string, action: Untrusted): string | null {
  switch (kind) {
    case 'button':
      return buttonsProblem(listOf(field(action, 'buttons')))
    case 'list':
      return listProblem(action)
    case 'product_list':
      return productsProblem(listOf(field(action, 'sections')))
    case 'carousel': {
      const { length } = listOf(field(action, 'cards'))
      if (length >= limits.cardsAtLeast && length <= limits.cardsAtMost) return null
      return `A carousel has ${limits.cardsAtLeast} to ${limits.cardsAtMost} cards; this has ${length}.`
    }
    case 'cta_url': {
      const parameters = inner(action, 'parameters')
      const label = textIn(parameters, 'display_text')
      if (label === undefined || textIn(parameters, 'url') === undefined) {
        return 'A link button needs display_text and url.'
      }
      return tooLong('The text of the link button', label, limits.displayText)
    }
    default:
      return null
  }
}

function buttonsProblem(buttons: readonly unknown[]): string | null {
  if (buttons.length === 0) return 'A button message needs at least one button.'
  if (buttons.length > limits.buttons) {
    return `WhatsApp shows at most ${limits.buttons} buttons; this message has ${buttons.length}.`
  }
  const ids = new Set<string>()
  for (const button of buttons) {
    const reply = inner(recordOf(button), 'reply')
    const id = textIn(reply, 'id')
    const title = textIn(reply, 'title')
    if (id === undefined || title === undefined) return 'Every button needs an id and a title.'
    if (ids.has(id)) return `Two buttons have the id ${id}.`
    ids.add(id)
    const problem =
      tooLong('The title of a button', title, limits.buttonTitle) ??
      tooLong('The id of a button', id, limits.buttonId)
    if (problem !== null) return problem
  }
  return null
}

function listProblem(action: Untrusted): string | null {
  const button = textIn(action, 'button')
  if (button === undefined) return 'A list needs the text of the button that opens it.'
  const sections = listOf(field(action, 'sections')).map(recordOf)
  if (sections.length === 0) return 'A list needs at least one section.'
  if (sections.length > limits.sections) {
    return `A list has at most ${limits.sections} sections; this has ${sections.length}.`
  }
  const rows = sections.flatMap((section) => listOf(field(section, 'rows')).map(recordOf))
  if (rows.length === 0) return 'A list needs at least one row.'
  if (rows.length > limits.rows) {
    return `A list has at most ${limits.rows} rows in all its sections together; this has ${rows.length}.`
  }
  for (const section of sections) {
    const title = textIn(section, 'title')
    if (title === undefined && sections.length > 1)
      return 'With more than one section, every section needs a title.'
    const problem = tooLong('The title of a section', title ?? '', limits.sectionTitle)
    if (problem !== null) return problem
  }
  const ids = new Set<string>()
  for (const row of rows) {
    const problem = rowProblem(row, ids)
    if (problem !== null) return problem
  }
  return tooLong('The text of the list button', button, limits.listButton)
}

function rowProblem(row: Untrusted | undefined, ids: Set<string>): string | null {
  const id = textIn(row, 'id')
  const title = textIn(row, 'title')
  if (id === undefined || title === undefined) return 'Every row needs an id and a title.'
  if (ids.has(id)) return `Two rows have the id ${id}.`
  ids.add(id)
  return (
    tooLong('The id of a row', id, limits.rowId) ??
    tooLong('The title of a row', title, limits.rowTitle) ??
    tooLong('The description of a row', textIn(row, 'description') ?? '', limits.rowDescription)
  )
}

function productsProblem(sections: readonly unknown[]): string | null {
  if (sections.length > limits.sections) {
    return `A product list has at most ${limits.sections} sections; this has ${sections.length}.`
  }
  const products = sections.flatMap((section) => listOf(field(recordOf(section), 'product_items')))
  if (products.length <= limits.products) return null
  return `A product list has at most ${limits.products} products; this has ${products.length}.`
}
