/** The settings: a YAML file that a person edits while the gallery runs. */
import { parse } from 'yaml'

export interface Settings {
  readonly title: string
  readonly sort: 'date' | 'name'
  /** Pixels. */
  readonly thumbWidth: number
}

/** What is left out, or makes no sense, is as here. */
const usual: Settings = { title: 'Photos', sort: 'date', thumbWidth: 320 }

export function parseSettings(text: string): Settings {
  const { title, sort, thumbWidth } = { ...usual, ...(parse(text) as Partial<Settings> | null) }
  const isWidth = Number.isInteger(thumbWidth) && thumbWidth >= 16 && thumbWidth <= 2000
  return {
    title: String(title),
    sort: sort === 'name' ? 'name' : 'date',
    thumbWidth: isWidth ? thumbWidth : usual.thumbWidth,
  }
}
