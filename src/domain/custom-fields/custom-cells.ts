import type { CustomFieldView } from '../../contract/crm/custom-field.ts'

/** What a cell says: a value of an input of POST and PATCH, or what is wrong with it. */
export type ReadCell = { readonly value: unknown } | { readonly fault: string }

/** A custom value as a cell: text as it is, `true`, `12.5`, and money in smallest units, `120050 EUR`. */
export function showCustomValue(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value !== 'object') return JSON.stringify(value)
  const { valueMinor, currency } = value as { valueMinor?: number; currency?: string }
  return `${valueMinor} ${currency}`
}

const money = /^(-?\d{1,16})\s+([A-Za-z]{3})$/
const number = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const booleans = new Map<string, boolean>([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
])

/** A cell as the value of a field of this type; what the field makes of that is for its definition to say. */
export function readCustomCell(type: CustomFieldView['type'], text: string): ReadCell {
  switch (type) {
    case 'number':
      return number.test(text) ? { value: Number(text) } : { fault: 'expected a number such as 12.5' }
    case 'checkbox': {
      const value = booleans.get(text.toLowerCase())
      return value === undefined ? { fault: 'expected true or false' } : { value }
    }
    case 'currency': {
      const [, minor, currency] = money.exec(text) ?? []
      if (currency === undefined)
        return { fault: 'expected smallest units and a currency, such as 120050 EUR' }
      return { value: { valueMinor: Number(minor), currency: currency.toUpperCase() } }
    }
    case 'text':
    case 'date':
    case 'list':
    case 'link':
      return { value: text }
  }
}
