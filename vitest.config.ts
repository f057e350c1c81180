import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** `staleproof` and its subpaths mean the source here, not what was built from it. */
function doors(): { find: RegExp; replacement: string }[] {
  const manifest = JSON.parse(readFileSync(path('core/package.json'), 'utf8'))
  const exports: [string, { default: string }][] = Object.entries(manifest.exports)
  return exports.map(([door, { default: built }]) => ({
    find: new RegExp(`^staleproof${door.slice(1)}$`),
    replacement: path(built.replace('./dist/', 'core/src/').replace(/\.js$/, '.ts')),
  }))
}

export default defineConfig({
  resolve: { alias: [...doors(), { find: 'staleproof-testbed', replacement: path('testbed/src/index.ts') }] },
  test: {
    include: ['{core,daemon,proof,bench,testbed,scripts,examples/*}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'scripts/canaries/**'],
    setupFiles: [path('scripts/seed.ts')],
    maxWorkers: 2,
    // Guards against a hang, not against a slow machine: end-to-end tests start processes by the dozen.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    passWithNoTests: true,
    coverage: { include: ['core/src/**', 'daemon/src/**'], exclude: ['**/*.test.ts'] },
  },
})
