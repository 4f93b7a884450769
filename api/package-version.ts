import { createRequire } from 'node:module'

/** The `version` of package.json, which lies two folders above the built file. */
export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('signalbox/package.json')
  const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return known ? String(manifest.version) : 'unknown'
}
