/** Thumbnails: small JPEG files. */
import { createHash } from 'node:crypto'
import sharp from 'sharp'

export interface Thumb {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of the bytes: whoever shows it in a page makes it a part of the address, so that browsers may keep it. */
  readonly hash: string
}

/** @throws ENOENT if there is no such photo */
export async function makeThumb(path: string, width: number): Promise<Thumb> {
  const resized = sharp(path)
    .rotate()
    .resize({ width, height: Math.round((width * 2) / 3), fit: 'cover' })
  return thumbOf(new Uint8Array(await resized.jpeg({ quality: 78 }).toBuffer()))
}

export function thumbOf(bytes: Uint8Array<ArrayBuffer>): Thumb {
  return { bytes, hash: createHash('sha256').update(bytes).digest('base64url').slice(0, 12) }
}
