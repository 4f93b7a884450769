import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// tsc leaves what it made of sources that are gone, and the package would ship it. The rest of dist stays
// where it is, since tests and benchmarks that run meanwhile read from there: `npm run build`.
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = path.join(root, 'dist')
const output = /\.(?:js|d\.ts)(?:\.map)?$/

const files = existsSync(dist) ? await readdir(dist, { recursive: true, withFileTypes: true }) : []
for (const file of files.filter((entry) => entry.isFile())) {
  const built = path.join(file.parentPath, file.name)
  const source = path.join(root, path.relative(dist, built).replace(output, '.ts'))
  if (!existsSync(source)) await rm(built, { force: true })
}
