import type { Readable } from 'node:stream'
import sharp from 'sharp'

/** Types that are decoded. libvips knows many more; each one less is a parser less that strangers can feed. */
const pictureTypes = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif'])
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'],
})
// A thumbnail is a small matter: one thread, and nothing kept for the next one.
sharp.concurrency(1)
sharp.cache(false)

const edgePixels = 320
const longestSeconds = 20

export const thumbnailType = 'image/webp'

export function hasThumbnail(mimeType: string): boolean {
  return pictureTypes.has(mimeType)
}

/**
 * A small WebP of a picture, upright, at most 320 pixels wide and high, without metadata (no place, no camera). Null when it
 * cannot be had: broken, more than `mostPixels`, or too slow to decode. An error of the stream itself is thrown.
 */
export async function makeThumbnail(picture: Readable, mostPixels: number): Promise<Buffer | null> {
  const decoder = sharp({ limitInputPixels: mostPixels, failOn: 'error', pages: 1, sequentialRead: true })
  let broken: Error | undefined
  picture.once('error', (error) => {
    broken = error
    decoder.destroy(error)
  })
  picture.pipe(decoder)
  try {
    return await decoder
      .timeout({ seconds: longestSeconds })
      .autoOrient()
      .resize({ width: edgePixels, height: edgePixels, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 75, effort: 2 })
      .toBuffer()
  } catch {
    if (broken) throw broken
    return null
  } finally {
    picture.destroy()
  }
}
