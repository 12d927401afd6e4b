import { Dice } from './dice.ts'

/** Somebody who writes to the business. */
export interface Customer {
  readonly name: string
  /** Digits with country code, which is also the `wa_id`. */
  readonly phone: string
  /** Whether the hub hears that a message was read. */
  readonly showsRead: boolean
}

const firstNames = [
  'Asha',
  'Bruno',
  'Chiara',
  'Dele',
  'Emil',
  'Fatima',
  'Grace',
  'Hiro',
  'Ines',
  'Jonas',
  'Kavya',
  'Liam',
  'Mireille',
  'Noor',
  'Oskar',
  'Priya',
  'Quentin',
  'Rosa',
  'Samuel',
  'Tuija',
  'Usha',
  'Victor',
  'Wanjiru',
  'Zeynep',
] as const
const lastNames = [
  'Adeyemi',
  'Brandt',
  'Costa',
  'Dutta',
  'Eriksen',
  'Fernandes',
  'García',
  'Hoffmann',
  'Iyer',
  'Jansen',
  'Kaya',
  'Lindqvist',
  'Moreau',
  'Nakamura',
  'Okafor',
  'Patel',
  'Rossi',
  'Sharma',
  'Tanaka',
  'Varga',
  'Weber',
  'Öztürk',
] as const
const readReceiptShare = 0.85

/**
 * The first `count` customers. Who they are hangs on their place alone, so that a bigger crowd holds the smaller one and
 * another run meets the same people. Their numbers are 555 numbers (1 555 555 0000 and up), which nobody has.
 */
export function customersOf(count: number): Customer[] {
  return Array.from({ length: count }, (_, place) => {
    const dice = new Dice(`customer ${place}`)
    const generation = Math.floor(place / (firstNames.length * lastNames.length))
    return {
      name: [
        firstNames[place % firstNames.length],
        lastNames[(place + Math.floor(place / firstNames.length)) % lastNames.length],
        ...(generation > 0 ? [String(generation + 1)] : []),
      ].join(' '),
      phone: String(15_555_550_000 + place),
      showsRead: dice.chance(readReceiptShare),
    }
  })
}

/** More would leave the numbers that belong to nobody. */
export const mostCustomers = 10_000
