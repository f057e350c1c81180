/**
 * Puts the licence and the README of the house into a package, just before it is packed.
 *
 * Usage: node ../scripts/prepack.mjs   (npm runs it as `prepack`, inside core and daemon)
 */
import { copyFileSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

for (const name of ['LICENSE', 'README.md']) {
  const ours = fileURLToPath(new URL(`../${name}`, import.meta.url))
  if (existsSync(ours)) copyFileSync(ours, name)
}
