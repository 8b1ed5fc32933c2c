import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** The rest of the registry sees stores only through these. */
const STORE_INTERFACES = [
  'src/store/blob.ts',
  'src/store/meta/store.ts',
  'src/store/meta/access-store.ts',
  'src/store/meta/account-store.ts',
  'src/store/meta/lifecycle-store.ts',
]

/**
 * Which parts of the tree each part may import, besides itself; a path ending in `.ts` is that file alone.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/setting-readers.ts': [],
  'src/settings.ts': ['src/setting-readers.ts', 'src/core/account-names.ts'],
  'src/config.ts': ['src/core', 'src/settings.ts', 'src/setting-readers.ts'],
  'src/telemetry': ['src/core'],
  'src/store': ['src/core'],
  'src/registry': ['src/core', ...STORE_INTERFACES],
  'src/auth': ['src/core', ...STORE_INTERFACES],
  'src/oci': ['src/core'],
  'src/http': ['src/core', 'src/oci', 'src/telemetry'],
  'src/api': ['src/core', 'src/auth', ...STORE_INTERFACES],
  'src/jobs': ['src/core', ...STORE_INTERFACES],
  'src/operator-file.ts': [],
  'src/cli': [
    'src/core',
    'src/settings.ts',
    'src/config.ts',
    'src/telemetry',
    'src/app.ts',
    'src/operator-file.ts',
    'src/operator-api.ts',
    'src/api/client.ts',
    'src/api/contract',
    // A key signs on the machine where it lies.
    'src/auth/key-file.ts',
    'src/auth/assertion.ts',
    'package.json',
  ],
  'src/main.ts': ['src/core', 'src/config.ts', 'src/cli'],
  'src/pairing.ts': ['src/core', ...STORE_INTERFACES],
  'src/accounts.ts': ['src'],
  'src/collection.ts': ['src'],
  'src/app.ts': ['src'],
  'src/operator-api.ts': ['src'],
  web: ['src/api/schema.ts', 'src/api/client.ts'],
}

/** The files at the edge that may name the runtime. */
const RUNTIME =
  /^src\/(http\/server[^/]*|store\/meta\/sqlite[^/]*|store\/blob-fs[^/]*|store\/fs\/.*|auth\/password-hash|main|cli\/.*)\.ts$/

interface Source {
  readonly path: string
  readonly text: string
}

const ROOT = resolve(import.meta.dirname, '..')

function readSources(): Source[] {
  return ['src', 'web']
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
        (path) => `${folder}/${path}`,
      ),
    )
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1')
}

/** Everything a file names: static and dynamic imports, re-exports, types, and workers by URL. */
function importsOf({ text }: Source): string[] {
  const forms =
    /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]|\bnew\s+URL\(\s*['"](\.[^'"]+)['"]/g
  return [...withoutComments(text).matchAll(forms)].map(([, from, bare, url]) => from ?? bare ?? url ?? '')
}

/** Our own files that a file imports, as paths from the root. */
function ownImports(source: Source): string[] {
  return importsOf(source)
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(ROOT, resolve(ROOT, dirname(source.path), name)))
}

function partOf(path: string): string | undefined {
  return Object.keys(ARROWS).find((part) => path === part || path.startsWith(`${part}/`))
}

function forbiddenArrows(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const part = partOf(source.path)
    if (part === undefined) return [`${source.path} belongs to no part of the tree`]
    const allowed = [part, ...(ARROWS[part] ?? [])]
    return ownImports(source)
      .filter((target) => !allowed.some((place) => target === place || target.startsWith(`${place}/`)))
      .map((target) => `${source.path} imports ${target}`)
  })
}

function runtimeNames(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !RUNTIME.test(path))
    .filter(
      (source) =>
        /\bBun\b\s*[.[]/.test(withoutComments(source.text)) ||
        importsOf(source).some((name) => name === 'bun' || name.startsWith('bun:')),
    )
    .map(({ path }) => `${path} names the runtime`)
}

function defaultExports(sources: readonly Source[]): string[] {
  return sources
    .filter(({ text }) => /\bexport\s+default\b|\bas\s+default\b/.test(withoutComments(text)))
    .map(({ path }) => `${path} has a default export`)
}

/** Types are gone when the program runs: a ring of them is no ring of modules. */
function withoutTypes({ path, text }: Source): Source {
  return { path, text: text.replace(/\b(import|export) type\b[^'"]*?\bfrom\b/g, '') }
}

/** The first ring of imports found from each file that closes one. */
function importRings(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map((source) => [source.path, ownImports(withoutTypes(source))]))
  const done = new Set<string>()
  const rings: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) rings.push([...trail.slice(start), path].join(' → '))
    if (start >= 0 || done.has(path)) return
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return rings
}

describe('the source tree', () => {
  const sources = readSources()

  test('imports follow the arrows', () => {
    expect(sources.length).toBeGreaterThan(0)
    expect(forbiddenArrows(sources)).toEqual([])
  })
  test('only the edge names the runtime', () => expect(runtimeNames(sources)).toEqual([]))
  test('nothing is exported as default', () => expect(defaultExports(sources)).toEqual([]))
  test('no ring of imports', () => expect(importRings(sources)).toEqual([]))
})

describe('the checks themselves', () => {
  const core = (text: string): Source[] => [{ path: 'src/core/a.ts', text }]

  test.each([
    ["import { x } from '../store/blob.ts'", 'src/core/a.ts imports src/store/blob.ts'],
    ["import type { X } from '../store/blob.ts'", 'src/core/a.ts imports src/store/blob.ts'],
    ["import {\n  x,\n} from '../app.ts'", 'src/core/a.ts imports src/app.ts'],
    ["export { x } from '../../test/a.ts'", 'src/core/a.ts imports test/a.ts'],
    ["await import('../app.ts')", 'src/core/a.ts imports src/app.ts'],
    ["import '../app.ts'", 'src/core/a.ts imports src/app.ts'],
    ["new URL('../jobs/w.ts', import.meta.url)", 'src/core/a.ts imports src/jobs/w.ts'],
  ])('refuse %j', (text, offence) => expect(forbiddenArrows(core(text))).toEqual([offence]))

  test('let a store interface through but not a store', () => {
    const text = "import type { A } from '../store/blob.ts'\nimport { b } from '../store/blob-fs.ts'"
    expect(forbiddenArrows([{ path: 'src/registry/a.ts', text }])).toEqual([
      'src/registry/a.ts imports src/store/blob-fs.ts',
    ])
  })
  test('ignore comments', () => expect(forbiddenArrows(core("// import '../app.ts'"))).toEqual([]))
  test('know a file outside of every part', () =>
    expect(forbiddenArrows([{ path: 'src/odd/a.ts', text: '' }])).toHaveLength(1))
  test('see the runtime', () => {
    expect(runtimeNames(core('Bun.file(path)'))).toHaveLength(1)
    expect(runtimeNames(core("import { Database } from 'bun:sqlite'"))).toHaveLength(1)
    expect(runtimeNames(core('/** Bun. */'))).toEqual([])
  })
  test('see a default export', () => expect(defaultExports(core('export default 1'))).toHaveLength(1))
  test('see a ring', () => {
    const ring = [
      { path: 'src/core/a.ts', text: "import './b.ts'" },
      { path: 'src/core/b.ts', text: "import './a.ts'" },
    ]
    expect(importRings(ring)).toEqual(['src/core/a.ts → src/core/b.ts → src/core/a.ts'])
    const types = [ring[0] as Source, { path: 'src/core/b.ts', text: "import type { A } from './a.ts'" }]
    expect(importRings(types)).toEqual([])
  })
})
