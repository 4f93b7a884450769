import { urlParts, type UrlParser } from './workflow/realm/url.ts'

/** Node's own URL parsing, for contexts: text in, text out. */
export const hostUrlParser: UrlParser = {
  parse(url, base) {
    try {
      return partsOf(new URL(url, base))
    } catch {
      return undefined
    }
  },
  assign(href, part, value) {
    try {
      const url = new URL(href)
      ;(url as unknown as Record<string, string>)[part] = value
      return partsOf(url)
    } catch {
      return undefined
    }
  },
  parseQuery: (query) => JSON.stringify([...new URLSearchParams(query)]),
  formatQuery: (pairsJson) =>
    new URLSearchParams(JSON.parse(pairsJson) as [string, string][]).toString(),
}

function partsOf(url: URL): string {
  return JSON.stringify(urlParts.map((part) => url[part]))
}
