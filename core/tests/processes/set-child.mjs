/**
 * A process that is killed as soon as it has set a value.
 */
import { disk } from '../../dist/disk.js'
import { createCache } from '../../dist/index.js'

const [path, key, value] = process.argv.slice(2)
await createCache({ disk: disk({ path }) }).set(key, value)
process.kill(process.pid, 'SIGKILL')
