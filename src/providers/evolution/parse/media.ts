import { field, mimeTypeOf, sha256Of, textIn, numberIn, present, type Untrusted } from '../../untrusted.ts'
import type { Content, ContentReader, Around, FilePart } from './content-shape.ts'
import { bytes, long, isTrue } from './dialect.ts'

export const readImage: ContentReader = (part, around) => ({
  type: 'image',
  text: textIn(part, 'caption') ?? null,
  payload: viewOnce(part, around),
  file: fileOf(part, around.name, 'image/jpeg'),
})

export const readVideo: ContentReader = (part, around) => ({
  type: 'video',
  text: textIn(part, 'caption') ?? null,
  payload: present({
    ...viewOnce(part, around),
    gif: isTrue(part, 'gifPlayback') || undefined,
    roundVideo: around.name === 'ptvMessage' || undefined,
    seconds: numberIn(part, 'seconds'),
  }),
  file: fileOf(part, around.name, 'video/mp4'),
})

export const readAudio: ContentReader = (part, around): Content => ({
  type: isTrue(part, 'ptt') ? 'voice' : 'audio',
  text: null,
  payload: present({
    ...viewOnce(part, around),
    seconds: numberIn(part, 'seconds'),
    // Set by the server's OpenAI integration, with this prefix.
    transcript: textIn(around.message, 'speechToText')?.replace(/^\[audio\]\s*/, ''),
  }),
  file: fileOf(part, around.name, 'audio/ogg'),
})

export const readDocument: ContentReader = (part, around) => {
  const fileName = textIn(part, 'fileName') ?? textIn(part, 'title')
  const file = fileOf(part, around.name, 'application/octet-stream')
  return {
    type: 'document',
    text: textIn(part, 'caption') ?? null,
    payload: {},
    file: fileName === undefined ? file : { ...file, fileName: fileName.slice(0, 255).toWellFormed() },
  }
}

export const readSticker: ContentReader = (part, around) => ({
  type: 'sticker',
  text: null,
  payload: present({ animated: isTrue(part, 'isAnimated') || isTrue(part, 'isLottie') || undefined }),
  file: fileOf(part, around.name, 'image/webp'),
})

function viewOnce(part: Untrusted, around: Around): Record<string, unknown> {
  return around.viewOnce || isTrue(part, 'viewOnce') ? { viewOnce: true } : {}
}

function fileOf(part: Untrusted, name: string, usualType: string): FilePart {
  const sizeBytes = long(field(part, 'fileLength'))
  return {
    mimeType: textIn(part, 'mimetype') === undefined ? usualType : mimeTypeOf(field(part, 'mimetype')),
    ...present({
      sha256: sha256Of(bytes(field(part, 'fileSha256'))?.toString('hex')),
      sizeBytes: sizeBytes !== undefined && sizeBytes >= 0 ? sizeBytes : undefined,
    }),
    source: {
      [name]: present({
        url: textIn(part, 'url'),
        directPath: textIn(part, 'directPath'),
        mimetype: textIn(part, 'mimetype'),
        mediaKey: bytes(field(part, 'mediaKey'))?.toString('base64'),
        fileEncSha256: bytes(field(part, 'fileEncSha256'))?.toString('base64'),
        fileSha256: bytes(field(part, 'fileSha256'))?.toString('base64'),
      }),
    },
  }
}
