import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { StaleproofError } from 'staleproof'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, type Given } from './load.ts'
import type { Problem } from './problem.ts'
import { settingsOf } from './settings.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'staleproof-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function load(yaml: string | undefined, given: Partial<Given> = {}) {
  if (yaml !== undefined) writeFileSync(join(folder, 'a.yaml'), yaml)
  return loadConfig({ file: yaml === undefined ? undefined : 'a.yaml', env: {}, folder, ...given })
}

function problemsIn(yaml: string | undefined, given: Partial<Given> = {}): Problem[] {
  try {
    load(yaml, given)
  } catch (error) {
    if (error instanceof StaleproofError) return error.details.problems as Problem[]
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('precedence', () => {
  const yaml = 'server:\n  port: 1\n'

  it('takes the default where nothing is said', () => {
    const { config, originOf } = load(undefined)
    expect(config.server.port).toBe(4747)
    expect(originOf(['server', 'port'])).toBe('default')
  })

  it('takes the file over the default', () => {
    const { config, originOf } = load(yaml)
    expect(config.server.port).toBe(1)
    expect(originOf(['server', 'port'])).toBe('a.yaml:2:9')
  })

  it('takes the environment over the file', () => {
    const { config, originOf } = load(yaml, { env: { STALEPROOF_PORT: '2' } })
    expect(config.server.port).toBe(2)
    expect(originOf(['server', 'port'])).toBe('STALEPROOF_PORT')
  })

  it('takes a flag over the environment', () => {
    const given = { env: { STALEPROOF_PORT: '2' }, flags: { 'server.port': ['3'] } }
    const { config, originOf } = load(yaml, given)
    expect(config.server.port).toBe(3)
    expect(originOf(['server', 'port'])).toBe('--port')
  })

  it('adds folders to watch to those of the file, each with its own origin', () => {
    const given = { env: { STALEPROOF_WATCH: `c${delimiter}d` }, flags: { 'sources.files': ['b'] } }
    const { config, originOf } = load('sources:\n  files:\n    - path: a\n      stability: 1s\n', given)
    expect(config.sources.files.map(({ path }) => path)).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => join(folder, name)),
    )
    expect(config.sources.files[0]?.stability).toBe('1s')
    const origins = [0, 1, 2].map((index) => originOf(['sources', 'files', index, 'path']))
    expect(origins).toEqual(['a.yaml:3:13', '--watch', 'STALEPROOF_WATCH'])
  })

  it('finds the file through the environment', () => {
    writeFileSync(join(folder, 'b.yaml'), 'data: here\n')
    expect(loadConfig({ env: { STALEPROOF_CONFIG: 'b.yaml' }, folder }).config.data).toBe(
      join(folder, 'here'),
    )
  })
})

describe('paths', () => {
  it('are relative to the file in the file, and to the working folder outside it', () => {
    writeFileSync(join(folder, 'a.yaml'), 'data: d\nsources: { files: [{ path: p }] }\n')
    const given = {
      file: join(folder, 'a.yaml'),
      env: {},
      folder: '/elsewhere',
      flags: { 'sources.files': ['q'] },
    }
    const { config } = loadConfig(given)
    expect(config.data).toBe(join(folder, 'd'))
    expect(config.sources.files.map(({ path }) => path)).toEqual([join(folder, 'p'), '/elsewhere/q'])
  })
})

describe('problems', () => {
  it('come all at once, whatever they were written in', () => {
    const yaml = 'server: { prot: 1 }\nlog: { level: inof }\ndata: 7\n'
    const given = { env: { STALEPROOF_HOST: '' }, flags: { 'server.port': ['99999'] } }
    expect(
      problemsIn(yaml, given)
        .map(({ where, path }) => `${where} ${path}`)
        .sort(),
    ).toEqual([
      '--port server.port',
      'STALEPROOF_HOST server.host',
      'a.yaml:1:11 server.prot',
      'a.yaml:2:15 log.level',
      'a.yaml:3:7 data',
    ])
  })

  it('name the place, what was found and what was expected', () => {
    expect(problemsIn('sources:\n  files:\n    - path: a\n    - path: 5\n')).toEqual([
      { where: 'a.yaml:4:13', path: 'sources.files[1].path', found: '5', expected: 'the path of a folder' },
    ])
  })

  it('point at the parent of what is missing', () => {
    expect(problemsIn('links:\n  - name: a\n')[0]).toMatchObject({
      where: 'a.yaml:2:5',
      path: 'links[0].dependsOn',
      found: 'nothing',
    })
  })

  it('suggest the key that was meant', () => {
    expect(problemsIn('sorces: {}\n')[0]).toMatchObject({ where: 'a.yaml:1:1', suggestion: 'sources' })
    expect(problemsIn('server: { prot: 1 }\n')[0]).toMatchObject({ suggestion: 'port' })
    expect(problemsIn('zebra: 1\n')[0]?.suggestion).toBeUndefined()
  })

  it('suggest the word that was meant', () => {
    expect(problemsIn('log: { level: wran }\n')[0]).toMatchObject({ suggestion: 'warn' })
  })

  it('look inside the alternative that was meant', () => {
    expect(problemsIn('cache: { memory: { maxByte: 1mb } }\n')[0]).toMatchObject({
      path: 'cache.memory.maxByte',
      suggestion: 'maxBytes',
    })
    expect(problemsIn('cache: { memory: 5 }\n')[0]).toMatchObject({ path: 'cache.memory', found: '5' })
  })

  it('read quantities as the library does', () => {
    expect(problemsIn('cache: { ttl: { default: soon } }\n')[0]?.expected).toMatch(/duration such as/)
    expect(load('cache: { ttl: { default: 5m, min: 250 } }\n').config.cache.ttl).toEqual({
      default: '5m',
      min: 250,
    })
  })

  it.each([
    ['a: [1\nb: 2\n', /a\.yaml:\d+:\d+/],
    ['a: 1\na: 2\n', /a\.yaml:2:1/],
    ['data: !secret x\n', /a\.yaml:1:7/],
    ['- a list\n', /a\.yaml:1:1/],
    ['data: *nobody\n', /a\.yaml:1:/],
  ])('name the line of %j', (yaml, place) => {
    expect(problemsIn(yaml)[0]?.where).toMatch(place)
  })

  it('survive a section that is a value, under a flag', () => {
    expect(problemsIn('server: 5\n', { flags: { 'server.port': ['1'] } })[0]).toMatchObject({
      path: 'server',
    })
  })

  it('name a file that is not there', () => {
    expect(() => loadConfig({ file: 'no.yaml', env: {}, folder })).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG_FILE_UNREADABLE',
        message: expect.stringContaining('no.yaml'),
      }),
    )
  })
})

describe('the section redis', () => {
  it('stands for no server where it is not there, and for the one here where it is empty', () => {
    expect(load('data: x\n').config.redis).toBeUndefined()
    expect(load('redis: {}\n').config.redis).toEqual({})
    const env = { STALEPROOF_REDIS: 'redis://nas:1' }
    expect(load(undefined, { env }).config.redis?.url).toBe('redis://nas:1')
  })

  it('names files relative to where they are named', () => {
    const yaml = 'redis: { tls: { ca: ca.pem, key: /k.pem } }\n'
    const env = { STALEPROOF_REDIS_PASSWORD_FILE: 'secret' }
    const { redis } = load(yaml, { env }).config
    expect(redis).toMatchObject({
      passwordFile: join(folder, 'secret'),
      tls: { ca: join(folder, 'ca.pem'), key: '/k.pem' },
    })
  })

  it.each([
    ['{ url: "http://nas" }', 'redis.url', '"http://nas"', /address such as redis:/],
    ['{ url: nas, cluster: [nas] }', 'redis.cluster', '["nas"]', /^only one of url, cluster, sentinel$/],
    ['{ password: a, passwordFile: b }', 'redis.passwordFile', '"b"', /^only one of password, passwordFile$/],
    ['{ cluster: [] }', 'redis.cluster', '[]', /a list of addresses/],
    ['{ sentinel: { urls: [a] } }', 'redis.sentinel.name', 'nothing', /name of the primary/],
    ['{ lease: soon }', 'redis.lease', '"soon"', /a duration/],
    ['{ tls: { insecure: true } }', 'redis.tls.insecure', 'a key that means nothing here', /one of ca, cert/],
    ['{ password: 1234 }', 'redis.password', '"***"', /a password, in quotes/],
    ['{ url: "http://me:1234@nas" }', 'redis.url', '"http://me:***@nas"', /address/],
  ])('%s is refused', (section, path, found, expected) => {
    expect(problemsIn(`redis: ${section}\n`)).toEqual([
      expect.objectContaining({ path, found, expected: expect.stringMatching(expected) }),
    ])
  })

  it('is shown without its passwords', () => {
    const yaml = 'redis: { url: "rediss://me:1234@nas:1", password: "1234" }\n'
    const shown = settingsOf(load(yaml)).filter(({ path }) => path.startsWith('redis'))
    expect(shown.map(({ path, value }) => [path, value])).toEqual([
      ['redis.url', 'rediss://me:***@nas:1'],
      ['redis.password', '***'],
    ])
  })
})

it('takes an empty file for an empty configuration', () => {
  expect(load('').config).toEqual(load(undefined).config)
})

it('warns of a variable that means nothing', () => {
  const env = { STALEPROOF_PROT: '1', STALEPROOF_URL: 'http://x', OTHER: '1' }
  expect(load(undefined, { env }).warnings).toEqual([
    'the environment variable STALEPROOF_PROT means nothing; did you mean STALEPROOF_PORT?',
  ])
})
