/**
 * A process that stores without a pause, and exits in the middle of it with the code that it is given, or by an error.
 */
import { disk } from '../../dist/disk.js'
import { createCache } from '../../dist/index.js'

const [path, code, afterMs] = process.argv.slice(2)
const cache = createCache({ memory: false, disk: disk({ path }) })
setTimeout(() => {
  if (code === 'throws') throw new Error('nobody caught this')
  process.exit(Number(code))
}, Number(afterMs))
for (let i = 0; ; i++) {
  await cache.getOrSet(`k${i}`, () => i)
  if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
}
