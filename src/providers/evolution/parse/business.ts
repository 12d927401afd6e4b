import { thousandths } from './orders.ts'
import { parseJson } from './parse-json.ts'
import { field, inner, listOf, textIn, present, type Untrusted } from '../../untrusted.ts'
import { type Content, type ContentReader, lines } from './content-shape.ts'
import { isRecord } from './dialect.ts'

/** Messages that companies send with buttons, lists or templates: the text, and what could be chosen. */
export const readButtons: ContentReader = (part) =>
  offer('buttons', lines(textIn(part, 'text') ?? textIn(part, 'headerText'), textIn(part, 'contentText')), {
    options: optionsOf(field(part, 'buttons')),
    footer: textIn(part, 'footerText'),
  })

export const readList: ContentReader = (part) =>
  offer('list', lines(textIn(part, 'title'), textIn(part, 'description')), {
    button: textIn(part, 'buttonText'),
    options: listOf(field(part, 'sections')).flatMap((section) =>
      isRecord(section) ? optionsOf(field(section, 'rows')) : [],
    ),
    footer: textIn(part, 'footerText'),
  })

export const readTemplate: ContentReader = (part, around) => {
  const filled =
    inner(part, 'hydratedTemplate') ??
    inner(part, 'hydratedFourRowTemplate') ??
    inner(part, 'interactiveMessageTemplate')
  if (filled === undefined) return null
  if (field(filled, 'body') !== undefined) return readInteractive(filled, around)
  return offer('buttons', lines(textIn(filled, 'hydratedTitleText'), textIn(filled, 'hydratedContentText')), {
    options: optionsOf(field(filled, 'hydratedButtons')),
    footer: textIn(filled, 'hydratedFooterText'),
  })
}

export const readInteractive: ContentReader = (part) =>
  offer('buttons', lines(textIn(inner(part, 'header'), 'title'), textIn(inner(part, 'body'), 'text')), {
    options: optionsOf(field(inner(part, 'nativeFlowMessage'), 'buttons')),
    footer: textIn(inner(part, 'footer'), 'text'),
  })

export const readStructured: ContentReader = (part, around) => {
  const filled = inner(part, 'hydratedHsm')
  return filled === undefined ? null : readTemplate(filled, around)
}

export const readProduct: ContentReader = (part) => {
  const product = inner(part, 'product')
  const text = lines(textIn(product, 'title'), textIn(part, 'body') ?? textIn(product, 'description'))
  return {
    type: 'interactive',
    text,
    payload: present({
      kind: 'product',
      productId: textIn(product, 'productId'),
      title: textIn(product, 'title'),
      description: textIn(product, 'description'),
      price: thousandths(field(product, 'priceAmount1000')),
      currency: textIn(product, 'currencyCode'),
      url: textIn(product, 'url'),
    }),
  }
}

/** A text with something to choose from; without choices it is a plain text. */
function offer(kind: 'buttons' | 'list', text: string | null, details: Offer): Content | null {
  if (text === null && details.options.length === 0) return null
  const whole = details.footer === undefined ? text : lines(text ?? undefined, details.footer)
  if (details.options.length === 0) return { type: 'text', text: whole, payload: {} }
  return { type: 'interactive', text, payload: present({ kind, ...details }) }
}

interface Offer {
  readonly options: readonly Untrusted[]
  readonly footer: string | undefined
  readonly button?: string | undefined
}

/** Buttons and rows of all kinds as {id?, title, description?, url?, phone?}. */
function optionsOf(value: unknown): Untrusted[] {
  const options: Untrusted[] = []
  for (const entry of listOf(value).slice(0, 100)) {
    if (!isRecord(entry)) continue
    const button =
      inner(entry, 'quickReplyButton') ??
      inner(entry, 'urlButton') ??
      inner(entry, 'callButton') ??
      nativeButton(entry) ??
      entry
    const title =
      textIn(button, 'displayText') ??
      textIn(button, 'display_text') ??
      textIn(button, 'title') ??
      textIn(inner(button, 'buttonText'), 'displayText')
    if (title === undefined) continue
    options.push(
      present({
        id: textIn(button, 'id') ?? textIn(button, 'rowId') ?? textIn(button, 'buttonId'),
        title,
        description: textIn(button, 'description'),
        url: textIn(button, 'url'),
        phone: textIn(button, 'phoneNumber') ?? textIn(button, 'phone_number'),
      }),
    )
  }
  return options
}

/** Buttons of native flows hold their fields as JSON text. */
function nativeButton(entry: Untrusted): Untrusted | undefined {
  const json = textIn(entry, 'buttonParamsJson')
  const parsed = json === undefined ? undefined : parseJson(json)
  return isRecord(parsed) ? parsed : undefined
}
