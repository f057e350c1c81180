/**
 * Another process of a directory: reads what the first wrote, and writes an entry of its own.
 * Usage: node disk-peer.mjs <directory>, forked: it sends what it read.
 */
import { register } from 'node:module'

register('./typescript-loader.mjs', import.meta.url)
const { diskWorld, entryOf } = await import('./disk-world.ts')

const world = diskWorld({ path: process.argv[2] })
const { value } = await world.tier.get('k')
const { text, bytes } = value
await world.tier.put(entryOf('theirs', { value: 'of the other' }))
const dependents = await world.tier.dependents(['d'])
process.send({ text, length: bytes.length, last: bytes.at(-1), dependents })
await world.close()
process.disconnect()
