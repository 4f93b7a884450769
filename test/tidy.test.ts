import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** The rules of docs/architecture.md and CONTRIBUTING.md that a program can check. */
const repository = fileURLToPath(new URL('../', import.meta.url))
// Those in the index that are there: a checkout in the middle of a change has both kinds.
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: repository,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(repository, path)))
const read = (path: string): string => readFileSync(join(repository, path), 'utf8')
const modules = files.filter((path) => path.endsWith('.ts'))
const inRooms = (...rooms: readonly string[]): readonly string[] =>
  modules.filter((path) => rooms.some((room) => path.startsWith(`${room}/`)))

interface Import {
  readonly from: string
  readonly what: string
}

/** What a module imports: packages by name, files of the repository by path. */
function importsOf(path: string): readonly Import[] {
  const pattern = /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*(?:\n[^'"\n;]*)*?['"]([^'"\n]+)['"]/g
  const dynamic = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g
  const text = read(path)
  return [...text.matchAll(pattern), ...text.matchAll(dynamic)].map(([, what = '']) => ({
    from: path,
    what: what.startsWith('.') ? normalize(join(dirname(path), what)) : what,
  }))
}

const show = ({ from, what }: Import): string => `${from} imports ${what}`

/** The imports of some rooms that a rule forbids, as text. */
function forbidden(rooms: readonly string[], isForbidden: (found: Import) => boolean): string[] {
  const found = inRooms(...rooms).flatMap(importsOf)
  // A rule over nothing holds always.
  expect(found.length).toBeGreaterThan(0)
  return found.filter(isForbidden).map(show)
}

const reaches = (...rooms: readonly string[]) => {
  return ({ what }: Import) => rooms.some((room) => what.startsWith(`${room}/`))
}

describe('imports', () => {
  test('are seen', () => {
    const found = importsOf('runtime/engine.ts').map(({ what }) => what)
    expect(found).toContain('actors/frames.ts')
    expect(importsOf('runtime/journal-tree.ts').map(({ what }) => what)).toContain('lmdb')
    expect(importsOf('api/cli/serve-command.ts').map(({ what }) => what)).toContain('api/serve.ts')
  })

  test('of actors stay in actors', () => {
    const rooms = ['runtime', 'api', 'bench', 'examples', 'test']
    expect(forbidden(['actors'], reaches(...rooms))).toEqual([])
  })

  test('of runtime reach actors, not the rooms above', () => {
    expect(forbidden(['runtime'], reaches('api', 'bench', 'examples', 'test'))).toEqual([])
  })

  test('of api reach runtime and actors alone', () => {
    expect(forbidden(['api'], reaches('bench', 'examples', 'test'))).toEqual([])
  })

  test('of examples name the package, as those of a user do', () => {
    const rooms = ['runtime', 'actors', 'api', 'bench', 'test']
    expect(forbidden(['examples'], reaches(...rooms))).toEqual([])
  })

  test('of bench come from bench and its tests alone', () => {
    const outside = modules
      .filter((path) => !/^(bench|test\/bench)\//.test(path))
      .flatMap(importsOf)
      .filter(reaches('bench'))
    expect(outside.map(show)).toEqual([])
  })

  test('of lmdb come from the journal, of piscina from the worker pool', () => {
    const owners: ReadonlyMap<string, RegExp> = new Map([
      ['lmdb', /^runtime\/journal[\w-]*\.ts$/],
      ['piscina', /^runtime\/worker-pool\.ts$/],
    ])
    const isForeign = ({ from, what }: Import): boolean => owners.get(what)?.test(from) === false
    expect(forbidden(['runtime', 'actors', 'api'], isForeign)).toEqual([])
    const used = inRooms('runtime').flatMap(importsOf)
    for (const owned of owners.keys()) {
      expect(used.some(({ what }) => what === owned)).toBe(true)
    }
  })
})

describe('the time', () => {
  test('comes from the engine’s clock, which tests put forward', () => {
    const ofTheHost = new Set(['runtime/clock.ts', 'runtime/data-folder-owner.ts'])
    const callers = inRooms('runtime').filter((path) =>
      /^(?!\s*(?:\*|\/\/)).*\bDate\.now\(\)/m.test(read(path).replaceAll(/\/\*[^]*?\*\//g, '')),
    )
    expect(callers.length).toBeGreaterThan(0)
    expect(callers.filter((path) => !ofTheHost.has(path))).toEqual([])
  })
})

describe('files', () => {
  const sources = inRooms('runtime', 'actors', 'api', 'bench', 'examples')

  test('have kebab-case names that say what is in them', () => {
    const odd = modules.map((path) => basename(path)).filter((name) => !isKebabCase(name))
    expect(odd).toEqual([])
    const vague = /^(utils?|helpers?|common|misc|types?|shared|lib)$/
    const parts = (path: string): string[] => path.replace(/\.ts$/, '').split('/')
    expect(sources.filter((path) => parts(path).some((part) => vague.test(part)))).toEqual([])
  })

  test('of the engine have at most 500 lines', () => {
    const long = inRooms('runtime', 'actors', 'api').filter(
      (path) => read(path).split('\n').length > 501,
    )
    expect(long).toEqual([])
  })

  test('name no path of the machine they were written on', () => {
    const machine = /(?:^|[\s'"`(=:])\/(?:work|root|home\/[\w-]+|Users\/[\w-]+)\/[\w.-]/m
    expect(machine.test(`see ${['', 'work', 'main', 'x.ts'].join('/')}`)).toBe(true)
    const text = files.filter((path) => !/\.(?:png|gz|ico|woff2?)$/.test(path))
    expect(text.filter((path) => machine.test(read(path)))).toEqual([])
  })
})

describe('dependencies', () => {
  type Dependencies = Record<string, string>
  const manifest: {
    dependencies: Dependencies
    devDependencies: Dependencies
    scripts: Record<string, string>
  } = JSON.parse(read('package.json'))
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })

  const oracle: { dependencies: Dependencies; overrides: Dependencies } = JSON.parse(
    read('test/temporal/package.json'),
  )

  const peers: typeof oracle = JSON.parse(read('bench/peers/package.json'))

  test('are pinned', () => {
    const apart = [oracle, peers].flatMap(({ dependencies, overrides }) =>
      Object.entries({ ...dependencies, ...overrides }),
    )
    const pinned = [...all, ...apart]
    expect(pinned.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  test('on the SDK that we are held against are those of its tests alone', () => {
    expect(all.filter(([name]) => name.startsWith('@temporalio/'))).toEqual([])
    expect(Object.keys(oracle.dependencies)).toContain('@temporalio/workflow')
  })

  test('are named in docs/architecture.md', () => {
    const page = read('docs/architecture.md')
    const section = page.slice(page.indexOf('\n## Dependencies'))
    const words = new Set(section.split(/[^\w@/-]+/))
    expect(all.map(([name]) => name).filter((name) => !words.has(name))).toEqual([])
  })

  test('are all in the lockfile, for every platform, so that npm ci takes it', () => {
    type Locked = { version?: string; optionalDependencies?: Dependencies }
    for (const file of [
      'package-lock.json',
      'test/temporal/package-lock.json',
      'bench/peers/package-lock.json',
    ]) {
      const lock: { packages: Record<string, Locked> } = JSON.parse(read(file))
      const missing = Object.entries(lock.packages).flatMap(
        ([path, { optionalDependencies = {} }]) =>
          Object.keys(optionalDependencies).filter(
            (name) =>
              !places(path).some((place) => `${place}node_modules/${name}` in lock.packages),
          ),
      )
      expect(missing).toEqual([])
    }
  })

  test('the checks of verify are those of .ci/run', () => {
    const checks = Object.keys(manifest.scripts).filter((name) => name.startsWith('check:'))
    expect(checks.length).toBeGreaterThan(0)
    const ci = read('.ci/run')
    for (const check of checks) {
      expect(manifest.scripts['verify']).toContain(check)
      expect(ci).toContain(`npm run ${check}\n`)
    }
    expect(ci).toMatch(/^npm ci\b/m)
    expect(ci).toMatch(/^npm ci .*--prefix test\/temporal$/m)
    expect(ci).toMatch(/^npm test\b/m)
    expect(ci).toMatch(/^npm run test:temporal\b/m)
  })
})

function isKebabCase(name: string): boolean {
  return /^\d*[a-z0-9]*(-[a-z0-9]+)*(\.test|\.config|\.d)?\.ts$/.test(name)
}

/** Where Node looks for a package that the one at `path` of a lockfile needs, nearest first. */
function places(path: string): readonly string[] {
  const steps = path === '' ? [] : path.split('/node_modules/')
  return [
    ...steps.map((_, index) => `${steps.slice(0, steps.length - index).join('/node_modules/')}/`),
    '',
  ]
}
