import sharp from 'sharp'
import type { FileSketch } from './content.ts'
import { Dice } from './dice.ts'

/** Bytes of a real file with their type. */
export interface DrawnFile {
  readonly bytes: Buffer
  readonly mimeType: string
}

/** Makes the file of a sketch: a small JPEG of a still life, or a one-page PDF. */
export async function drawFile(sketch: FileSketch): Promise<DrawnFile> {
  const dice = new Dice(`${sketch.kind} ${sketch.variant}`)
  if (sketch.kind === 'receipt') return { bytes: receipt(dice), mimeType: 'application/pdf' }
  const { pixels, width, height } = stillLife(dice)
  const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer()
  return { bytes, mimeType: 'image/jpeg' }
}

type Color = readonly [number, number, number]

/** Some cups on a table by a wall, pixel by pixel: the server lets its picture library read no vector formats. */
function stillLife(dice: Dice): { pixels: Buffer; width: number; height: number } {
  const [width, height] = [320, 240]
  const pixels = Buffer.alloc(width * height * 3)
  const color = (least: number, most: number): Color => [
    dice.between(least, most),
    dice.between(least, most),
    dice.between(least, most),
  ]
  const fill = (
    left: number,
    top: number,
    right: number,
    bottom: number,
    [red, green, blue]: Color,
  ): void => {
    for (let y = Math.floor(top); y < bottom; y += 1)
      for (let x = Math.floor(left); x < right; x += 1) pixels.set([red, green, blue], (y * width + x) * 3)
  }
  const table = 170
  fill(0, 0, width, table, color(190, 240))
  fill(0, table, width, height, color(80, 140))
  const cups = 1 + Math.floor(dice.next() * 4)
  for (let place = 0; place < cups; place += 1) {
    const left = 20 + place * 75 + dice.between(0, 12)
    const top = table + 20 - dice.between(45, 80)
    const glaze = color(30, 220)
    fill(left, top, left + 44, table + 20, glaze)
    fill(left + 44, top + 12, left + 54, top + 32, glaze)
    fill(left + 4, top, left + 40, top + 6, [60, 40, 30])
  }
  return { pixels, width, height }
}

/** A PDF by hand: five objects and the table that says where they begin. */
function receipt(dice: Dice): Buffer {
  const total = dice.between(5, 250).toFixed(2)
  const text = `BT /F1 20 Tf 60 740 Td (Receipt ${Math.floor(dice.between(1000, 9999))}) Tj 0 -40 Td (Total ${total} EUR) Tj ET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let body = '%PDF-1.4\n'
  const starts = objects.map((object, index) => {
    const start = body.length
    body += `${index + 1} 0 obj\n${object}\nendobj\n`
    return start
  })
  const rows = starts.map((start) => `${String(start).padStart(10, '0')} 00000 n \n`).join('')
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`
  const end = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`
  return Buffer.from(`${body}${table}${end}`, 'latin1')
}
