import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The absolute path of a file that an option names: by a path, relative to the working directory unless it
 * is absolute, or by a `file:` URL, also as text, which is what `import.meta.resolve` gives.
 *
 * @param folder what relative paths are relative to, if not the working directory
 */
export function filePath(given: string | URL, folder = ''): string {
  const isUrl = given instanceof URL || given.startsWith('file:')
  return isUrl ? fileURLToPath(given) : resolve(folder, given)
}
