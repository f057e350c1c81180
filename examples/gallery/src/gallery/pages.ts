/**
 * Pages: HTML from what they show, and from nothing else: no time of day, nothing that is read on the way.
 */
import { html, raw } from 'hono/html'
import type { Album, Shown } from './photo.ts'
import type { Settings } from './settings.ts'
import { style } from './style.ts'

export interface Home {
  /** The first photo of each album that has one. */
  readonly covers: readonly Shown[]
  readonly albums: readonly Album[]
}

export function homePage(settings: Settings, { covers, albums }: Home): Promise<string> {
  const countOf = (name: string) => albums.find(({ album }) => album === name)?.photos.length ?? 0
  const total = albums.reduce((sum, { photos }) => sum + photos.length, 0)
  const cards = covers.map(
    (cover) => html`
      <a class="card" href="/album/${encodeURIComponent(cover.album)}">
        ${picture(settings, cover)}
        <strong>${capital(cover.album)}</strong><span>${photosOf(countOf(cover.album))}</span>
      </a>`,
  )
  const lead = `${photosOf(total)} in ${albums.length} albums`
  return layout(settings, {
    title: settings.title,
    lead,
    body: html`<main class="grid wide">${cards}</main>`,
  })
}

export function albumPage(settings: Settings, album: string, photos: readonly Shown[]): Promise<string> {
  const cards = photos.map(
    (shown) => html`
      <a class="card" href="${photoLink(shown)}">
        ${picture(settings, shown)}
        <strong>${shown.exif.title || shown.photo}</strong><span>${day(shown.exif.takenAt)}</span>
      </a>`,
  )
  const lead = `${photosOf(photos.length)}, by ${settings.sort}`
  return layout(settings, { title: capital(album), lead, body: html`<main class="grid">${cards}</main>` })
}

export function photoPage(settings: Settings, shown: Shown): Promise<string> {
  const { album, photo, exif, thumb } = shown
  const facts = [
    ['Taken', exif.takenAt.replace(':', '-').replace(':', '-')],
    ['Camera', exif.camera],
    ['Exposure', exif.exposure],
    ['File', `${album}/${photo}`],
  ].filter(([, value]) => value !== '')
  const body = html`
    <main class="photo">
      <img src="/original/${pathOf(shown)}?v=${thumb.hash}" alt="${exif.title}">
      <dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
      <p><a href="/album/${encodeURIComponent(album)}">All of ${capital(album)}</a></p>
    </main>`
  return layout(settings, { title: exif.title || photo, lead: capital(album), body })
}

interface Layout {
  readonly title: string
  readonly lead: string
  readonly body: ReturnType<typeof html>
}

async function layout(settings: Settings, { title, lead, body }: Layout): Promise<string> {
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${raw(style)}</style>
</head>
<body>
<header>${title === settings.title ? '' : html`<a href="/">${settings.title}</a>`}<h1>${title}</h1><p>${lead}</p></header>
${body}
</body>
</html>
`
  return page.toString()
}

function picture({ thumbWidth }: Settings, shown: Shown): ReturnType<typeof html> {
  const height = Math.round((thumbWidth * 2) / 3)
  const src = `/thumb/${pathOf(shown)}?v=${shown.thumb.hash}`
  return html`<img src="${src}" width="${thumbWidth}" height="${height}" alt="" loading="lazy">`
}

function photoLink(shown: Shown): string {
  return `/photo/${pathOf(shown)}`
}

function pathOf({ album, photo }: Shown): string {
  return `${encodeURIComponent(album)}/${encodeURIComponent(photo)}`
}

function photosOf(count: number): string {
  return count === 1 ? '1 photo' : `${count} photos`
}

function day(takenAt: string): string {
  return takenAt.slice(0, 10).replaceAll(':', '-')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
