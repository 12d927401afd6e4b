import { textIn, numberIn, present } from '../../untrusted.ts'
import type { ContentReader } from './content-shape.ts'
import { isTrue } from './dialect.ts'

/** A place, or the first position of a live location. A zero coordinate may be missing (protobuf's default). */
export const readLocation: ContentReader = (part, around) => {
  const latitude = numberIn(part, 'degreesLatitude')
  const longitude = numberIn(part, 'degreesLongitude')
  if (latitude === undefined && longitude === undefined) return null
  const name = textIn(part, 'name')
  const address = textIn(part, 'address')
  return {
    type: 'location',
    text: name ?? address ?? textIn(part, 'caption') ?? textIn(part, 'comment') ?? null,
    payload: present({
      latitude: latitude ?? 0,
      longitude: longitude ?? 0,
      name,
      address,
      url: textIn(part, 'url'),
      live: around.name === 'liveLocationMessage' || isTrue(part, 'isLive') || undefined,
      accuracyMeters: numberIn(part, 'accuracyInMeters'),
    }),
  }
}
