/**
 * A process that adds to a counter in a directory, or that opens and closes it again and again; from what was built.
 */
import { Environment } from '../../dist/disk/environment.js'

const [path, does, times] = process.argv.slice(2)
const key = Buffer.from('count')

function open() {
  const environment = new Environment({ path, nowMs: Date.now() })
  return { environment, rows: environment.table('rows', 'bytes') }
}

async function add(i) {
  await environment.transact(() => {
    const count = rows.get(key)?.readUInt32LE() ?? 0
    const next = Buffer.alloc(4)
    next.writeUInt32LE(count + 1)
    void rows.put(key, next)
    void rows.put(Buffer.from(`${process.pid} ${i % 50}`), Buffer.alloc(300))
  })
}

const { environment, rows } = open()
if (does === 'writes') for (let i = 0; i < Number(times); i++) await add(i)
await environment.close()
if (does === 'opens') for (let i = 0; i < Number(times); i++) await open().environment.close()
if (does === 'exits') open()
