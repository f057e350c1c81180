/**
 * A process that opens a directory as a cache does, and is ended right before the nth call that may change something; it
 * ends by itself if there are not so many. From what was built.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { openDirectory } from '../../dist/disk/open.js'
import { systemClock } from '../../dist/model/clock.js'

const [path, nth] = process.argv.slice(2)
let calls = 0

for (const name of ['mkdirSync', 'openSync', 'writeFileSync', 'renameSync']) {
  const call = fs[name]
  fs[name] = (...given) => {
    if (++calls === Number(nth)) process.kill(process.pid, 'SIGKILL')
    return call(...given)
  }
}
syncBuiltinESMExports()

const onError = (error) => {
  throw error
}
const sizes = { path, bytesMax: 2 ** 30, entryBytesMax: 2 ** 20 }
const { environment, nodes } = openDirectory(sizes, { clock: systemClock(), onError })
await environment.close()
nodes.leave()
process.exit(0)
