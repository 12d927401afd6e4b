import { field, textIn, numberIn, present } from '../../untrusted.ts'
import type { ContentReader } from './content-shape.ts'
import { long } from './dialect.ts'

/** An order from our catalogue. WhatsApp tells linked devices the total and the count, not the single items. */
export const readOrder: ContentReader = (part) => ({
  type: 'order',
  text: textIn(part, 'message') ?? null,
  payload: present({
    orderId: textIn(part, 'orderId'),
    items: [],
    itemCount: numberIn(part, 'itemCount'),
    title: textIn(part, 'orderTitle'),
    total: thousandths(field(part, 'totalAmount1000')),
    currency: textIn(part, 'totalCurrencyCode'),
  }),
})

/** Amounts come as whole thousandths of the currency's unit. */
export function thousandths(value: unknown): number | undefined {
  const whole = long(value)
  return whole === undefined ? undefined : whole / 1000
}
