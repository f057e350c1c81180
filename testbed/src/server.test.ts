import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ask, startRedis } from './index.ts'
import { until } from './until.ts'

const built = fileURLToPath(new URL('../dist/index.js', import.meta.url))

it('one that cannot start says so at once', async () => {
  await expect(startRedis({ 'no-such-setting': 'yes' })).rejects.toThrow(
    /redis-server on port \d+ ended with 1/,
  )
}, 5000)

it('one that was ended starts again in the same place, and leaves nothing when it is stopped', async () => {
  const server = await startRedis({ appendonly: 'yes' })
  expect(await ask(server.port, ['SET', 'a', '1'])).toBe('+OK\r\n')
  await server.end('SIGKILL')
  await expect(ask(server.port, ['GET', 'a'])).rejects.toThrow('ECONNREFUSED')
  await server.start()
  expect(await ask(server.port, ['GET', 'a'])).toBe('$1\r\n1\r\n')
  const [, folder = ''] = (await ask(server.port, ['CONFIG', 'GET', 'dir'])).match(/(\/\S+)/) ?? []
  expect(existsSync(folder)).toBe(true)
  await server.stop()
  expect(existsSync(folder)).toBe(false)
})

it('none outlives the process that started it', async () => {
  const program = `
    import { startRedis } from '${built}'
    console.log((await startRedis()).pid)
    process.exit()
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  expect(Number(said)).toBeGreaterThan(0)
  await until(() => !isThere(Number(said)), 'its end')
})

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
