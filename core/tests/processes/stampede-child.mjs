/**
 * A process with caches on a directory, for tests of several that ask for one key: from what was built.
 *
 * What it is asked to do comes as messages, and so does what it tells. A load writes a line of the journal, says so, and
 * goes on when it is given what it loads.
 */
import { appendFileSync } from 'node:fs'
import { createCache } from '../../dist/index.js'
import { disk } from '../../dist/disk.js'

const { path, name, journal, count } = JSON.parse(process.argv[2])
const caches = Array.from({ length: count }, () => createCache({ disk: disk({ path }) }))
/** Key -> what lets its load go on. */
const loading = new Map()

function load({ key }) {
  appendFileSync(journal, `${key} ${name}\n`)
  process.send({ say: 'loading', key })
  return new Promise((resolve) => loading.set(key, resolve))
}

async function ask({ key }) {
  const values = Promise.all(caches.map((cache) => cache.getOrSet(key, load)))
  // What is written after it is written later: by then it is known whose turn it is.
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all(caches.map((cache) => cache.set(`asked:${name}`, key)))
  process.send({ say: 'asked', key })
  process.send({ say: 'got', key, values: await values })
}

async function read({ key, value }) {
  const values = await Promise.all(caches.map((cache) => cache.getOrSet(key, () => value)))
  process.send({ say: 'read', key, values })
}

async function look({ key }) {
  const peeked = caches.map((cache) => cache.peek(key))
  const got = await Promise.all(caches.map((cache) => cache.get(key)))
  process.send({ say: 'looked', key, values: [...peeked, ...got] })
}

async function invalidate({ key }) {
  await caches[0].invalidate(key)
  process.send({ say: 'invalidated', key })
}

async function close() {
  await Promise.all(caches.map((cache) => cache.close()))
  process.disconnect()
}

const doing = { ask, read, look, invalidate, close, finish: ({ key, value }) => loading.get(key)(value) }
process.on('message', (message) => doing[message.do](message))
process.send({ say: 'ready' })
