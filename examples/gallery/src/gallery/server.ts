/** The gallery over HTTP. */
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { serve, type ServerType } from '@hono/node-server'
import { Hono } from 'hono'
import type { Gallery } from './gallery.ts'

/** Nobody tells a browser what has changed, so it has to ask. */
const askAgain = { 'Cache-Control': 'no-cache' }
/** What pages refer to has a hash in its address. */
const forEver = { 'Cache-Control': 'public, max-age=31536000, immutable' }

export function routesOf(gallery: Gallery): Hono {
  const app = new Hono()
  app.get('/', async (c) => c.html(await gallery.homePage(), 200, askAgain))
  app.get('/album/:album', async (c) => c.html(await gallery.albumPage(c.req.param('album')), 200, askAgain))
  app.get('/photo/:album/:photo', async (c) => {
    const { album, photo } = c.req.param()
    return c.html(await gallery.photoPage(album, photo), 200, askAgain)
  })
  app.get('/thumb/:album/:photo', async (c) => {
    const { album, photo } = c.req.param()
    const { bytes, hash } = await gallery.thumb(album, photo)
    return c.body(bytes, 200, jpeg(c.req.query('v') === hash))
  })
  app.get('/original/:album/:photo', async (c) => {
    const { album, photo } = c.req.param()
    const { hash } = await gallery.thumb(album, photo)
    const bytes = await readFile(gallery.pathOf(album, photo))
    return c.body(new Uint8Array(bytes), 200, jpeg(c.req.query('v') === hash))
  })
  /** Why is it here, why did it go? `/explain?key=page:home` */
  app.get('/explain', async (c) => c.json(await gallery.cache.explain(c.req.query('key') ?? 'page:home')))
  app.onError((error, c) => {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return c.text('There is no such page.', 404)
    if (code === 'E_CACHE_CLOSED') return c.text('The gallery is closing.', 503)
    console.error(error)
    return c.text('This page could not be made.', 500)
  })
  return app
}

function jpeg(isThatVersion: boolean): Record<string, string> {
  return { 'Content-Type': 'image/jpeg', ...(isThatVersion ? forEver : askAgain) }
}

export interface Listening {
  readonly url: string
  close(): Promise<void>
}

/** Serves on loopback; port 0: any free one. */
export function listen(gallery: Gallery, port: number): Promise<Listening> {
  const { fetch } = routesOf(gallery)
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: '127.0.0.1' }, ({ port }: AddressInfo) => {
      resolve({ url: `http://127.0.0.1:${port}`, close: () => closeServer(server) })
    })
    server.on('error', reject)
  })
}

function closeServer(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // Browsers keep connections open for a next request that will not come.
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
}
