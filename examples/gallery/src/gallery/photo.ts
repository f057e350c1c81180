/** What pages are made of. */
import type { Exif } from './exif.ts'
import type { Thumb } from './thumb.ts'

export interface Photo {
  readonly album: string
  readonly photo: string
  readonly exif: Exif
}

export interface Album {
  readonly album: string
  /** In the order of the settings. */
  readonly photos: readonly Photo[]
}

export interface Shown extends Photo {
  readonly thumb: Thumb
}
