import { z } from 'zod'

/** Whether the database keeps a text as it is: neither a zero character nor half of a surrogate pair is in it. */
export const isKeepable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** Text that the database can hold: any but the zero character, of `least` to `most` UTF-16 units. */
export const storableText = (least: number, most: number) =>
  z
    .string()
    .min(least)
    .max(most)
    .refine((text) => !text.includes('\0'), 'must not hold a zero character')
