import { afterEach } from 'vitest'
import { directory } from '../directories.ts'
import { diskWorld } from '../disk-world.ts'
import { tierSuite } from './tier.ts'

const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

tierSuite('disk', {
  open: () => {
    const { tier, close } = diskWorld({ path: directory() })
    opened.push(close)
    return tier
  },
})
