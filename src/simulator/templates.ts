interface Component {
  readonly type: 'HEADER' | 'BODY' | 'FOOTER' | 'BUTTONS'
  readonly format?: 'TEXT'
  readonly text?: string
  readonly buttons?: readonly { readonly type: 'QUICK_REPLY'; readonly text: string }[]
}

/** A template in Meta's form (reference 9.2). */
export interface Template {
  readonly id: string
  readonly name: string
  readonly language: string
  readonly status: 'APPROVED' | 'REJECTED'
  readonly category: 'UTILITY' | 'MARKETING'
  readonly components: readonly Component[]
}

/** The templates of the account: one without parts to fill in, one with, one with buttons, and one that was rejected. */
export const templates: readonly Template[] = [
  {
    id: '1689556908129001',
    name: 'hello',
    language: 'en',
    status: 'APPROVED',
    category: 'UTILITY',
    components: [
      { type: 'BODY', text: 'Hello! We have news about your enquiry. When it suits you, write back.' },
    ],
  },
  {
    id: '1689556908129002',
    name: 'order_shipped',
    language: 'en',
    status: 'APPROVED',
    category: 'UTILITY',
    components: [
      { type: 'HEADER', format: 'TEXT', text: 'On its way' },
      { type: 'BODY', text: 'Hi {{1}}, your order {{2}} has left our warehouse.' },
      { type: 'FOOTER', text: 'Switchboard demo' },
    ],
  },
  {
    id: '1689556908129003',
    name: 'appointment_reminder',
    language: 'en',
    status: 'APPROVED',
    category: 'UTILITY',
    components: [
      { type: 'BODY', text: 'Hi {{1}}, we expect you tomorrow at {{2}}. Will you come?' },
      {
        type: 'BUTTONS',
        buttons: [
          { type: 'QUICK_REPLY', text: 'Yes' },
          { type: 'QUICK_REPLY', text: 'Another time' },
        ],
      },
    ],
  },
  {
    id: '1689556908129004',
    name: 'spring_sale',
    language: 'en',
    status: 'REJECTED',
    category: 'MARKETING',
    components: [{ type: 'BODY', text: 'BUY NOW {{1}}!!!' }],
  },
]

/** How many values the body of a template wants. */
export function bodyParameters(template: Template): number {
  const text = template.components.find((one) => one.type === 'BODY')?.text ?? ''
  return new Set(text.match(/\{\{\d+\}\}/g) ?? []).size
}
