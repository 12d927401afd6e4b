import { z } from 'zod'
import { line } from './record-input.ts'

const color = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/, 'expected a colour such as #1f6feb')
  .toLowerCase()
  .nullable()

/** POST and PUT. */
export const wholeTag = z.strictObject({ name: line(64), color: color.default(null) })

/** PATCH. */
export const tagPart = z.strictObject({ name: line(64).optional(), color: color.optional() })
