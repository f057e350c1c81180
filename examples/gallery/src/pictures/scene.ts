/**
 * Scene: a landscape as SVG. A sky, a sun or a moon, and ridges that darken towards the viewer.
 *
 * Invariant: the same random numbers give the same picture.
 */
import { between, pick, type Random } from './random.ts'

const width = 1200
const height = 800

export interface Theme {
  readonly album: string
  readonly words: readonly string[]
  /** Hue in degrees: of the sky above, of the sky at the horizon, of the ground. */
  readonly hues: readonly [number, number, number]
  /** Brightness of the sky at the horizon, per cent. */
  readonly light: number
  /** How high ridges rise, in pixels. */
  readonly relief: number
}

export const themes: readonly Theme[] = [
  {
    album: 'alps',
    words: ['Ridge', 'Glacier', 'Pass', 'Summit'],
    hues: [212, 200, 222],
    light: 86,
    relief: 210,
  },
  {
    album: 'coast',
    words: ['Tide', 'Dunes', 'Bay', 'Lighthouse'],
    hues: [200, 40, 190],
    light: 84,
    relief: 46,
  },
  { album: 'desert', words: ['Mesa', 'Sand', 'Canyon', 'Wadi'], hues: [28, 42, 18], light: 78, relief: 110 },
  {
    album: 'forest',
    words: ['Clearing', 'Pines', 'Fog', 'Creek'],
    hues: [150, 96, 140],
    light: 80,
    relief: 120,
  },
  {
    album: 'harbour',
    words: ['Quay', 'Cranes', 'Ferry', 'Pier'],
    hues: [250, 14, 230],
    light: 72,
    relief: 30,
  },
  {
    album: 'night',
    words: ['Moon', 'Milky Way', 'Dusk', 'Frost'],
    hues: [232, 262, 240],
    light: 34,
    relief: 140,
  },
]

export function sceneOf(theme: Theme, random: Random): string {
  const shift = between(random, -14, 14)
  const [above, horizon, ground] = theme.hues.map((hue) => Math.round(hue + shift + 360) % 360)
  const sky = { top: hsl(above, 55, theme.light * 0.55), bottom: hsl(horizon, 62, theme.light) }
  const ridges = [0, 1, 2, 3].map((layer) => ridge(theme, random, layer))
  const shades = ridges.map((path, layer) => `<path d="${path}" fill="${hsl(ground, 34, 46 - layer * 11)}"/>`)
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky.top}"/>` +
    `<stop offset=".75" stop-color="${sky.bottom}"/></linearGradient></defs>` +
    `<rect width="100%" height="100%" fill="url(#sky)"/>${sun(theme, random)}${shades.join('')}</svg>`
  )
}

function sun({ light }: Theme, random: Random): string {
  const place = `cx="${between(random, 150, 1050).toFixed()}" cy="${between(random, 90, 360).toFixed()}"`
  const radius = between(random, 30, 85)
  const fill = light < 50 ? '#f4f1e4' : pick(random, ['#fff6d6', '#ffe3a3', '#ffd0b0'])
  const halo = `<circle ${place} r="${(radius * 2.4).toFixed()}" fill="${fill}" opacity=".14"/>`
  return `${halo}<circle ${place} r="${radius.toFixed()}" fill="${fill}" opacity=".9"/>`
}

/** The outline of one ridge: three waves of random length and phase, closed below the picture. */
function ridge({ relief }: Theme, random: Random, layer: number): string {
  const base = 400 + layer * 105
  const waves = [1, 2.3, 5.1].map((rate) => ({ rate: rate * between(random, 0.7, 1.4), phase: random() * 7 }))
  const rise = (x: number) =>
    waves.reduce((sum, { rate, phase }) => sum + Math.sin((x / width) * 5 * rate + phase) / rate, 0)
  const points = Array.from({ length: 61 }, (_, step) => {
    const x = (step * width) / 60
    return `${x.toFixed()},${(base - rise(x) * relief * (1 - layer * 0.16)).toFixed()}`
  })
  return `M0,${height} L${points.join(' L')} L${width},${height} Z`
}

function hsl(hue: number | undefined, saturation: number, lightness: number): string {
  return `hsl(${hue ?? 0},${saturation}%,${lightness.toFixed()}%)`
}
