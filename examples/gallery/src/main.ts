/**
 * The gallery as a program: serves a folder of albums beside a daemon that watches it.
 *
 * Usage: node dist/main.js --photos <folder> --settings <file> [--daemon http://127.0.0.1:4747] [--port 8080]
 */
import { realpath } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Follow } from './gallery/follow.ts'
import { Gallery } from './gallery/gallery.ts'
import { listen } from './gallery/server.ts'
import { DaemonShared } from './gallery/shared.ts'

const { values } = parseArgs({
  options: {
    photos: { type: 'string', default: 'photos' },
    settings: { type: 'string', default: 'settings.yaml' },
    daemon: { type: 'string', default: 'http://127.0.0.1:4747' },
    port: { type: 'string', default: '8080' },
  },
})
const gallery = new Gallery({
  photos: await realpath(values.photos),
  settings: await realpath(values.settings),
  shared: new DaemonShared(values.daemon),
})
const follow = new Follow({
  url: values.daemon,
  cache: gallery.cache,
  onLost: (why) => console.error(`the daemon is away: ${why}`),
})
// Before the first load: whatever is loaded from now on, a change of it will be told.
await follow.start()
const site = await listen(gallery, Number(values.port))
console.log(`the gallery is at ${site.url}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all([follow.stop(), site.close(), gallery.cache.close()])
  })
}
