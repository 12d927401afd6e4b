import { z } from 'zod'

/** Text that the database can hold: any but the zero character, of `least` to `most` UTF-16 units. */
export const storableText = (least: number, most: number) =>
  z
    .string()
    .min(least)
    .max(most)
    .refine((text) => !text.includes('\0'), 'must not hold a zero character')
