import sharp from 'sharp'

/** A JPEG of one colour, always the same bytes for the same red. */
export function photo(red = 200): Promise<Buffer> {
  const background = { r: red, g: 20, b: 60 }
  return sharp({ create: { width: 800, height: 600, channels: 3, background } })
    .jpeg()
    .toBuffer()
}
