/**
 * A process that changes what is in a directory without a pause until it is told to stop, and tells how long it had to wait.
 */
import { createCache } from '../../dist/index.js'
import { disk } from '../../dist/disk.js'

const cache = createCache({ disk: disk({ path: process.argv[2] }) })
const life = { isOver: false }
process.once('message', () => {
  life.isOver = true
})
let [changes, longestMs] = [0, 0]
process.send('ready')
while (!life.isOver) {
  const began = performance.now()
  const name = `d:${changes++ % 50}`
  await cache.set(`k:${changes % 200}`, changes, { dependsOn: name })
  await cache.invalidate(name)
  // So that no two moments have as many.
  await cache.set(`more:${changes}`, changes)
  longestMs = Math.max(longestMs, performance.now() - began)
  await new Promise((resolve) => setImmediate(resolve))
}
await cache.close()
process.send({ changes, longestMs }, () => process.exit(0))
