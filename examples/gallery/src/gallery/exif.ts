/** What a camera wrote into a photo. */
import exifr from 'exifr'

export interface Exif {
  readonly title: string
  readonly camera: string
  /** As cameras write it, in the time of the place: `2024:07:31 18:05:09`; empty if unknown. */
  readonly takenAt: string
  /** `f/2.8 · 1/125 s · ISO 200` */
  readonly exposure: string
}

const wanted = ['ImageDescription', 'Make', 'Model', 'DateTimeOriginal', 'FNumber', 'ExposureTime', 'ISO']

/** @throws ENOENT */
export async function readExif(path: string): Promise<Exif> {
  // Not as a Date: EXIF has no time zone, and that of this machine is not that of the photo.
  const tags = ((await exifr.parse(path, { pick: wanted, reviveValues: false })) ?? {}) as Tags
  return {
    title: tags.ImageDescription ?? '',
    camera: [tags.Make, tags.Model].filter(Boolean).join(' '),
    takenAt: tags.DateTimeOriginal ?? '',
    exposure: exposureOf(tags),
  }
}

interface Tags {
  readonly ImageDescription?: string
  readonly Make?: string
  readonly Model?: string
  readonly DateTimeOriginal?: string
  readonly FNumber?: number
  /** Seconds. */
  readonly ExposureTime?: number
  readonly ISO?: number
}

function exposureOf({ FNumber, ExposureTime, ISO }: Tags): string {
  const parts = [
    FNumber && `f/${FNumber}`,
    ExposureTime && (ExposureTime < 1 ? `1/${Math.round(1 / ExposureTime)} s` : `${ExposureTime} s`),
    ISO && `ISO ${ISO}`,
  ]
  return parts.filter(Boolean).join(' · ')
}
