import { afterEach } from 'vitest'
import { diskWorld } from '../disk-world.ts'
import { tierSuite } from './tier.ts'

const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

tierSuite('disk', {
  open: () => {
    const { tier, close } = diskWorld()
    opened.push(close)
    return tier
  },
})
