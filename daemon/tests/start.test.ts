import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Stats } from '../src/api/protocol.ts'
import { cli, endAll, makeFolder, Program, startDaemon } from './daemon.ts'

let folder: string
beforeEach(() => {
  folder = makeFolder()
})
afterEach(endAll)

const refusal = (...args: string[]) => new Program(['serve', '--port', '0', ...args]).ended

describe('a daemon that starts', () => {
  it('says where it is and is ready', async () => {
    const daemon = await startDaemon(['--watch', folder])
    expect(daemon.stdout).toMatch(
      /^staleproof \d+\.\d+\.\d+ is ready at http:\/\/127\.0\.0\.1:\d+, watching 1 folder\n$/,
    )
    const ready = await daemon.fetch('/readyz')
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({
      sources: [{ name: `files:${folder}`, state: 'watching', problem: null }],
    })
    for (const line of daemon.stderr.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })

  it('takes its settings from flag, environment and file', async () => {
    const file = join(folder, 'a.yaml')
    writeFileSync(file, 'log: { level: error }\nserver: { maxBodyBytes: 10b }\n')
    const daemon = await startDaemon([], {
      STALEPROOF_CONFIG: file,
      STALEPROOF_LOG_LEVEL: 'warn',
      STALEPROOF_X: '1',
    })
    expect(daemon.stderr).toContain('STALEPROOF_X means nothing')
    expect(daemon.stderr).not.toContain('"msg":"ready"')
    expect((await daemon.put('a', 'more than ten bytes')).status).toBe(413)
  })

  it('writes its log to a file', async () => {
    const log = join(folder, 'logs', 'a.log')
    const daemon = await startDaemon(['--log-file', log])
    daemon.child.kill('SIGTERM')
    expect(await daemon.ended).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(log, 'utf8')).toContain('"msg":"stopped"')
  })
})

describe('a daemon that cannot start says why and ends with 2', () => {
  it('for a flag that does not exist', async () => {
    const { code, stderr } = await refusal('--hots', '127.0.0.1')
    expect(stderr).toMatch(/unknown option '--hots'[\s\S]*Did you mean --host\?/)
    expect(code).toBe(2)
  })

  it('for a file that is not YAML, with the line', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, 'server:\n  port: 1\n  host: [oops\ndata: x\n')
    const { code, stderr } = await refusal('--config', file)
    expect(stderr).toMatch(/bad\.yaml:4:\d+/)
    expect(code).toBe(2)
  })

  it('for settings that mean nothing, all at once', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, 'sorces: {}\nserver:\n  port: high\n')
    const { code, stderr } = await refusal('--config', file, '--log-level', 'loud', '--port', '70000')
    expect(stderr).toContain('3 problems')
    expect(stderr).toMatch(/bad\.yaml:1:1 {2}sorces[\s\S]*did you mean sources\?/)
    expect(stderr).toMatch(/--port {2}server\.port/)
    expect(stderr).toMatch(/--log-level {2}log\.level/)
    expect(code).toBe(2)
  })

  it('for what the library refuses, with the place', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(
      file,
      "rules:\n  - pattern: 'thumb:{a'\n    dependsOn: x\ncache: { ttl: { min: 2h, max: 1h } }\n",
    )
    const { code, stderr } = await refusal('--config', file)
    expect(stderr).toMatch(/bad\.yaml:4:8 {2}cache[\s\S]*E_OPTIONS_INVALID/)
    expect(stderr).toMatch(/bad\.yaml:2:5 {2}rules\[0\][\s\S]*E_GRAPH_RULE_INVALID/)
    expect(code).toBe(2)
  })

  it('for a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const port = String((other.address() as AddressInfo).port)
    const { code, stderr } = await new Program(['serve', '--port', port]).ended
    other.close()
    expect(stderr).toMatch(new RegExp(`E_PORT_IN_USE: 127\\.0\\.0\\.1:${port} is taken`))
    expect(code).toBe(2)
  })

  it('for folders that cannot be watched and a host that others can reach, all at once', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const missing = join(folder, 'missing')
    const { code, stderr } = await refusal('--watch', missing, '--watch', file, '--host', '0.0.0.0')
    expect(stderr).toMatch(/E_HOST_NOT_LOOPBACK: .*--host/)
    expect(stderr).toContain(`E_SOURCE_FOLDER_MISSING: the folder ${missing}`)
    expect(stderr).toContain(`E_SOURCE_FOLDER_UNREADABLE: the folder ${file}`)
    expect(code).toBe(2)
  })

  it('for an address that is not of this machine', async () => {
    const { code, stderr } = await refusal('--host', '192.0.2.1', '--insecure')
    expect(stderr).toContain('E_HOST_UNUSABLE: cannot listen on 192.0.2.1')
    expect(code).toBe(2)
  })
})

describe('a data directory that cannot be used keeps it from starting, with 2', () => {
  const unwritable = () => {
    // Nobody's rights keep root out; the system does, here.
    if (process.getuid?.() === 0) return '/sys/kernel/staleproof'
    mkdirSync(join(folder, 'unwritable'), { mode: 0o500 })
    return join(folder, 'unwritable')
  }

  it.each<[string, string, () => string]>([
    ['a file', 'E_DISK_PATH', () => made('file')],
    ['one below a file', 'E_DISK_PATH', () => join(made('file'), 'data')],
    ['one of a later version', 'E_DISK_FORMAT', () => dirname(made('later', 'format', 'staleproof 99\n'))],
    ['one of another program', 'E_DISK_FORMAT', () => dirname(made('other', 'data.mdb', 'something'))],
    ['one that cannot be written', 'E_DISK_READONLY', unwritable],
  ])('%s', async (_, code, given) => {
    const data = given()
    const before = existsSync(data) && statSync(data).isDirectory() ? readdirSync(data) : []
    const { code: exitCode, stderr } = await refusal('--data', data)
    expect(stderr).toMatch(
      new RegExp(`^staleproof: ${code}: .*\\(the setting data is ${data}, by --data\\)\n$`),
    )
    expect(exitCode).toBe(2)
    expect(existsSync(data) && statSync(data).isDirectory() ? readdirSync(data) : []).toEqual(before)
  })

  function made(name: string, file?: string, text = ''): string {
    const path = join(folder, name)
    if (file !== undefined) mkdirSync(path)
    writeFileSync(file === undefined ? path : join(path, file), text)
    return file === undefined ? path : join(path, file)
  }
})

describe('a daemon that cannot start for another reason makes no data directory', () => {
  it.each<[string, () => string[] | Promise<string[]>]>([
    ['a folder that is not there', () => ['--watch', join(folder, 'missing')]],
    ['sizes that mean nothing', () => ['--disk-max-bytes', '0b']],
    ['a port that is taken', async () => ['--port', new URL((await startDaemon()).url).port]],
  ])('%s', async (_, given) => {
    const data = join(folder, 'data')
    const { code, stderr } = await refusal('--data', data, ...(await given()))
    expect([code, stderr === '']).toEqual([2, false])
    expect(existsSync(data)).toBe(false)
  })
})

it('keeps what it is told to, as much as it is told to', async () => {
  const env = { STALEPROOF_DATA: join(folder, 'kept'), STALEPROOF_DISK_MAX_BYTES: '5mb' }
  const daemon = await startDaemon(['--disk-max-entry-bytes', '1000'], env)
  expect(existsSync(join(folder, 'kept', 'data.mdb'))).toBe(true)
  const { disk } = (await (await daemon.fetch('/v1/stats')).json()) as Stats
  expect(disk).toMatchObject({ status: 'ok', others: 0, usage: { bytesMax: 5 * 1024 ** 2 } })
})

describe('config', () => {
  it('check finds nothing wrong, or says what is', async () => {
    const file = join(folder, 'a.yaml')
    writeFileSync(file, 'cache: { ttl: { default: 1h } }\n')
    expect(await cli(['config', 'check', file])).toMatchObject({ code: 0, stdout: `${file} is valid\n` })
    writeFileSync(file, 'disk: { maxBytes: 1mb, maxEntryBytes: 2tb }\ndata: 5\n')
    expect(await cli(['config', 'check', file])).toMatchObject({ code: 2, stdout: '' })
    expect(existsSync(join(folder, 'data'))).toBe(false)
    writeFileSync(file, 'cache: { ttl: { default: soon } }\n')
    const { code, stderr } = await cli(['config', 'check', file])
    expect(stderr).toContain('cache.ttl.default')
    expect(code).toBe(2)
  })

  it('check accepts the whole file that the documentation shows', async () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    const file = join(folder, 'documented.yaml')
    writeFileSync(file, /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
    expect(await cli(['config', 'check', file, '--json'])).toMatchObject({ code: 0, stderr: '' })
  })

  it('show tells where each value came from', async () => {
    const file = join(folder, 'a.yaml')
    writeFileSync(file, 'data: d\n')
    const args = ['config', 'show', '--json', '--config', file, '--port', '1']
    const { code, stdout } = await cli(args, { STALEPROOF_HOST: 'localhost' })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        { path: 'server.port', value: 1, origin: '--port' },
        { path: 'server.host', value: 'localhost', origin: 'STALEPROOF_HOST' },
        { path: 'data', value: join(folder, 'd'), origin: `${file}:1:7` },
        { path: 'log.level', value: 'info', origin: 'default' },
      ]),
    )
  })
})
