import fc from 'fast-check'
import { AMBIGUOUS } from './ambiguous-manifests.ts'
import { SAMPLES } from './manifest-corpus.ts'

/** A manifest with its Content-Type, as it would be pushed. */
export interface Push {
  readonly bytes: Uint8Array
  readonly type: string | undefined
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Small ones, so that many runs stay cheap. */
const TEXTS = SAMPLES.filter(({ text }) => text.length < 20_000)
const TYPES = [...new Set([...SAMPLES, ...AMBIGUOUS].map(({ type }) => type))]

const KEYS = [
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'manifests',
  'subject',
  'artifactType',
  'annotations',
  'digest',
  'size',
  'urls',
  'data',
  'platform',
  'blobs',
  '__proto__',
  'constructor',
  'toString',
  '',
  'Layers',
  'DIGEST',
  '\u017fize',
]

const values: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    2 ** 53,
    Number.MAX_VALUE,
    '',
    'x',
    '__proto__',
    '\0',
    '\ud800',
    [],
    {},
    [[]],
  ),
  fc.constantFrom<Json>(...SAMPLES.map(({ type }) => type ?? '')),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
)

type Change = (root: Json, pick: (count: number) => number) => Json

/** Every object and list of a document. */
function containers(root: Json): (Json[] | { [key: string]: Json })[] {
  if (root === null || typeof root !== 'object') return []
  return [root, ...Object.values(root).flatMap(containers)]
}

/** Does something to one field or element somewhere. */
function somewhere(change: (parent: { [key: string]: Json }, key: string) => void): Change {
  return (root, pick) => {
    const places = containers(root).filter((each) => Object.keys(each).length > 0)
    const parent = places[pick(places.length)] as { [key: string]: Json } | undefined
    if (parent !== undefined) {
      const keys = Object.keys(parent)
      change(parent, keys[pick(keys.length)] as string)
    }
    return root
  }
}

/** Does something to one field of an object somewhere: a list would keep a field out of its JSON, and obey its `constructor`. */
const inObject = (change: (parent: { [key: string]: Json }, key: string) => void): Change =>
  somewhere((parent, key) => (Array.isArray(parent) ? undefined : change(parent, key)))

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.constant(
    somewhere((parent, key) => (Array.isArray(parent) ? parent.splice(Number(key), 1) : delete parent[key])),
  ),
  values.map((value) => somewhere((parent, key) => (parent[key] = value))),
  fc
    .tuple(fc.constantFrom(...KEYS), values)
    .map(([key, value]) =>
      inObject((parent) =>
        Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true }),
      ),
    ),
  fc.constantFrom(...KEYS).map((name) =>
    inObject((parent, key) => {
      const value = parent[key] as Json
      delete parent[key]
      Object.defineProperty(parent, name, { value, enumerable: true, configurable: true, writable: true })
    }),
  ),
  fc.constant(somewhere((parent, key) => (parent[key] = [parent[key] as Json]))),
  fc.constant(
    somewhere((parent, key) => (parent[key] = structuredClone([parent[key], parent[key]]) as Json)),
  ),
)

/** Changes of the text itself, which no document could be written as. */
const scratches: fc.Arbitrary<(text: string, pick: (count: number) => number) => string> = fc.oneof(
  { weight: 6, arbitrary: fc.constant((text: string) => text) },
  fc
    .constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '\0', '\ud800', '\ufeff', '1e999', '-', ' ')
    .map((piece) => (text: string, pick: (count: number) => number) => {
      const at = pick(text.length + 1)
      return text.slice(0, at) + piece + text.slice(at)
    }),
  fc.constant((text: string, pick: (count: number) => number) => text.slice(0, pick(text.length + 1))),
  fc.constant((text: string, pick: (count: number) => number) => {
    const key = /"(\w+)":/g
    const found = [...text.matchAll(key)]
    const twice = found[pick(found.length)]
    return twice === undefined ? text : text.replace('{', `{${twice[0]}null,`)
  }),
  fc
    .constantFrom('1e3', '1E400', '-1', '9007199254740993', '0.5', '00', '1.0')
    .map((number) => (text: string, pick: (count: number) => number) => {
      const found = [...text.matchAll(/:(\d+)/g)]
      const at = found[pick(found.length)]?.index
      return at === undefined ? text : text.slice(0, at + 1) + text.slice(at + 1).replace(/^\d+/, number)
    }),
)

/** Real manifests with up to four changes of their structure and one of their text. */
export const mutatedManifests: fc.Arbitrary<Push> = fc
  .record({
    sample: fc.constantFrom(...TEXTS),
    changes: fc.array(changes, { maxLength: 3 }),
    scratch: scratches,
    picks: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
    type: fc.oneof({ weight: 9, arbitrary: fc.constant('own') }, fc.constantFrom(...TYPES)),
  })
  .map(({ sample, changes, scratch, picks, type }) => {
    let next = 0
    const pick = (count: number) => (count === 0 ? 0 : (picks[next++ % picks.length] as number) % count)
    const root = changes.reduce<Json>(
      (document, change) => change(document, pick),
      JSON.parse(sample.text) as Json,
    )
    return {
      bytes: Buffer.from(scratch(JSON.stringify(root), pick)),
      type: type === 'own' ? sample.type : type,
    }
  })
