import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { type Digest, digestOf } from '../../../src/core/digest.ts'
import type { ManifestReference } from '../../../src/core/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../../src/core/media-types.ts'
import { type ObjectKey, parseRepoName, type RepoName, type UploadId } from '../../../src/core/names.ts'
import type { Expectation } from '../../../src/core/registry.ts'
import type {
  CollectionStore,
  GarbagePreview,
  GarbageState,
  Reviewed,
} from '../../../src/store/meta/lifecycle-store.ts'
import type { MetadataStore, Sparse } from '../../../src/store/meta/store.ts'
import { NOW, type TestManifest, tag } from './fixture.ts'

/*
 * Random histories over few names, so that everything meets everything. A step is plain data with small numbers; `World` gives
 * them their meaning. The same history runs on several stores, which must answer alike and look alike in the end.
 */

const REPOS = 2
const BLOBS = 3
const MANIFESTS = 4
const TAGS = 2
const UPLOADS = 2
const GRACE = 10_000
const OWNERS = ['ann', 'bob']
/** More than any queue here holds. */
const EVERYTHING = 100_000

export type ModelStore = MetadataStore & CollectionStore

const below = (bound: number) => fc.nat({ max: bound - 1 })
/** Mostly the first: things must meet. */
const repo = fc.nat({ max: 5 }).map((chance) => (chance === 0 ? 1 : 0))
/** Blobs, and manifests by their digest, which may also be uploaded as blobs (M15). */
const content = below(BLOBS + MANIFESTS)
const EVERY_CONTENT = Array.from({ length: BLOBS + MANIFESTS }, (_, at) => at)
const upload = below(UPLOADS)

const reference = fc.record({
  content,
  kind: fc.constantFrom('blob', 'child'),
  wrongSize: fc.nat({ max: 19 }).map((chance) => chance === 0),
})

const manifest = fc.record({
  references: fc.uniqueArray(reference, { maxLength: 3, selector: ({ content }) => content }),
  foreign: fc.nat({ max: 9 }),
  subject: fc.option(content, { freq: 2 }),
  artifactType: fc.option(fc.constantFrom('', 'a/a', 'b/b')),
  annotations: fc.option(fc.constantFrom('{}', '{"k":"v"}')),
})
type ManifestShape = typeof manifest extends fc.Arbitrary<infer Shape> ? Shape : never

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      repo,
      upload,
      owner: below(2),
      limit: below(4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('advance' as const), upload, from: below(3), to: below(3) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      upload,
      content,
      rely: fc.constantFrom('', '', '', 'reuse', 'replace', 'stranger'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('upload' as const), repo, content }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), upload }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), limit: below(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), limit: below(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('mount' as const), repo, content, from: fc.option(repo) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('extend' as const), repo, content, by: below(30_000) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      repo,
      manifest: below(MANIFESTS),
      tags: fc.uniqueArray(below(TAGS), { maxLength: 2 }),
      sparse: fc.constantFrom<Sparse>('none', 'index', 'all', 'all'),
      expect: fc.constantFrom('', '', '', '', 'absent', 'present', 'digest'),
      expected: below(MANIFESTS),
      depth: fc.option(below(3), { freq: 2 }),
      moves: fc.nat({ max: 3 }).map((chance) => chance > 0),
    }),
  },
  // Now, or when everything that waits so far is due.
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('collect' as const),
      rules: fc.constantFrom('manifests', 'links', 'blobs', 'all', 'all'),
      ahead: fc.constantFrom(0, 0, 100_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('preview' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('deleteManifest' as const), repo, manifest: below(MANIFESTS) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deleteTag' as const), repo, tag: below(TAGS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deleteBlob' as const), repo, content }) },
)
type Step = typeof step extends fc.Arbitrary<infer Shape> ? Shape : never

export interface History {
  readonly manifests: readonly ManifestShape[]
  readonly steps: readonly (Step & { readonly passes: number })[]
}

export const history: fc.Arbitrary<History> = fc.record({
  manifests: fc.array(manifest, { minLength: MANIFESTS, maxLength: MANIFESTS }),
  steps: fc.array(
    fc.tuple(step, fc.nat({ max: 8_000 })).map(([what, passes]) => ({ ...what, passes })),
    { minLength: 10, maxLength: 80, size: 'max' },
  ),
})

function uuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [8, 4, 4, 4, 12].map((length, at) => hex.slice(at * 8, at * 8 + length)).join('-')
}

/** One run of a history: its names are its own, the same for every store. */
export class World {
  readonly #run: string
  readonly #manifests: readonly TestManifest[]
  /** Ids of the last session opened in each place, and a counter that makes them new. */
  readonly #sessions: UploadId[]
  #opened = 0
  #now = NOW

  constructor(run: string, shapes: readonly ManifestShape[]) {
    this.#run = run
    const bytes = shapes.map((_, at) => Buffer.from(`${run} manifest ${at}`))
    this.#manifests = shapes.map((shape, at) => this.#manifest(shape, at, bytes))
    this.#sessions = Array.from({ length: UPLOADS }, (_, at) => uuid(`${run} never ${at}`) as UploadId)
  }

  #blob(at: number): { digest: Digest; size: number } {
    return { digest: digestOf(`${this.#run} blob ${at}`), size: 10 + at }
  }

  /** A manifest lists blobs and earlier manifests only: hashes have no circles. */
  #manifest(shape: ManifestShape, at: number, bytes: readonly Uint8Array[]): TestManifest {
    const digest = digestOf(bytes[at] as Uint8Array)
    const target = (content: number) => {
      const earlier = content < BLOBS ? -1 : (content - BLOBS) % (at + 1)
      if (earlier < 0 || earlier === at) return this.#blob(content % BLOBS)
      const earlierBytes = bytes[earlier] as Uint8Array
      return { digest: digestOf(earlierBytes), size: earlierBytes.byteLength }
    }
    const references = new Map<string, ManifestReference>()
    for (const [place, { content, kind, wrongSize }] of shape.references.entries()) {
      const { digest, size } = target(content)
      const foreign = shape.foreign === place
      references.set(digest, { digest, size: size + Number(wrongSize), kind: kind as 'blob', foreign })
    }
    const mediaType = shape.references.some(({ kind }) => kind === 'child') ? OCI_INDEX : OCI_MANIFEST
    return {
      digest,
      mediaType,
      bytes: bytes[at] as Uint8Array,
      facts: {
        mediaType,
        shape: mediaType === OCI_INDEX ? 'index' : 'image',
        references: [...references.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1)),
        ...(shape.subject !== null && { subject: target(shape.subject).digest }),
        ...(shape.artifactType !== null && { artifactType: shape.artifactType }),
        ...(shape.subject !== null && shape.annotations !== null && { annotations: shape.annotations }),
      },
    }
  }

  repo = (at: number): RepoName => parseRepoName(at === 0 ? `library/${this.#run}` : `${this.#run}/r${at}`)
  digest = (content: number) =>
    content < BLOBS ? this.#blob(content).digest : (this.#manifests[content - BLOBS] as TestManifest).digest
  #size = (content: number) =>
    content < BLOBS
      ? this.#blob(content).size
      : (this.#manifests[content - BLOBS] as TestManifest).bytes.byteLength
  #key = (id: UploadId) => uuid(`${id} object`) as ObjectKey

  /** Takes a step on every store and gives their answers. */
  async take(stores: readonly ModelStore[], step: History['steps'][number]): Promise<unknown[]> {
    this.#now += step.passes
    if (step.do === 'open') this.#sessions[step.upload] = uuid(`${this.#run} ${this.#opened++}`) as UploadId
    if (step.do === 'upload') this.#opened++
    return await Promise.all(stores.map((store) => this.#step(store, step)))
  }

  async #step(store: ModelStore, step: Step): Promise<unknown> {
    const now = this.#now
    const deleteAfter = now + 500
    const expiresAt = now + 40_000
    const session = 'upload' in step ? (this.#sessions[step.upload] as UploadId) : (uuid('') as UploadId)
    const where = { now, grace: GRACE }
    switch (step.do) {
      case 'collect':
        return await this.#collect(store, step.rules, { now: now + step.ahead, grace: GRACE })
      case 'preview':
        return { ...(await store.previewGarbage({ now, limit: EVERYTHING, undo: 0 })), examples: [] }
      case 'open':
        return await store.openUpload({
          ...{ id: session, repo: this.repo(step.repo), owner: `${this.#run}${OWNERS[step.owner]}` },
          ...{ key: this.#key(session), algorithm: 'sha256', now, expiresAt },
          ...{ maxPerRepo: 1 + step.limit, maxPerOwner: 5 - step.limit },
        })
      case 'advance':
        return await store.advanceUpload({ id: session, from: step.from, to: step.to, expiresAt })
      case 'finish':
      case 'upload': {
        const digest = this.digest(step.content)
        const id = step.do === 'finish' ? session : (uuid(`${this.#run} quick ${this.#opened}`) as UploadId)
        if (step.do === 'upload') {
          await store.openUpload({
            ...{ id, repo: this.repo(step.repo), owner: 'quick', key: this.#key(id), algorithm: 'sha256' },
            ...{ now, expiresAt, maxPerRepo: 1e9, maxPerOwner: 1e9 },
          })
        }
        const named = (await store.findObject(digest))?.key
        const rely = step.do === 'finish' ? step.rely : ''
        return await store.finishUpload({
          ...{ id, digest, size: this.#size(step.content), now, grace: GRACE, deleteAfter, expiresAt },
          ...(rely === 'reuse' && named && { reuse: named }),
          ...(rely === 'replace' && named && { replace: named }),
          ...(rely === 'stranger' && { reuse: this.#key(uuid('stranger') as UploadId) }),
        })
      }
      case 'abort':
        return await store.abortUpload({ id: session, now, deleteAfter })
      case 'sweep':
        return await store.sweepUploads({ now, deleteAfter, limit: step.limit })
      case 'clear': {
        const keys = await store.dueTombstones(now, step.limit)
        await store.clearTombstones(keys)
        return keys
      }
      case 'mount': {
        const from = step.from === null ? undefined : this.repo(step.from)
        return await store.mountBlob({
          ...{ repo: this.repo(step.repo), digest: this.digest(step.content), from, ...where },
        })
      }
      case 'extend':
        return await store.extendLease(this.repo(step.repo), this.digest(step.content), now + step.by)
      case 'push':
        return await store.pushManifest({
          ...(this.#manifests[step.manifest] as TestManifest),
          ...{ repo: this.repo(step.repo), tags: step.tags.map((at) => tag(`t${at}`)), sparse: step.sparse },
          ...{ ...where, ...this.#expectation(step.expect, step.expected) },
          ...(step.depth !== null && { maxIndexDepth: step.depth }),
          ...(!step.moves && { moveTags: false }),
        })
      case 'deleteManifest':
        return await store.deleteManifest({
          ...{ repo: this.repo(step.repo), digest: this.digest(BLOBS + step.manifest), ...where },
        })
      case 'deleteTag':
        return await store.deleteTag({ repo: this.repo(step.repo), tag: tag(`t${step.tag}`), ...where })
      case 'deleteBlob':
        return await store.deleteBlob({
          ...{ repo: this.repo(step.repo), digest: this.digest(step.content), ...where },
        })
    }
  }

  async #collect(store: ModelStore, rules: string, when: { now: number; grace: number }) {
    const review = { ...when, limit: EVERYTHING, undo: 0 }
    const rounds: Reviewed[] = []
    const isMeant = (rule: string) => rules === rule || rules === 'all'
    if (isMeant('manifests')) rounds.push(await store.reviewManifests(review))
    if (isMeant('links')) rounds.push(await store.reviewLinks(review))
    if (isMeant('blobs')) rounds.push(await store.reviewBlobs({ ...review, deleteAfter: this.#now + 500 }))
    return rounds
  }

  /** Collects until nothing is left; what was deleted in all, as a preview would have told it. */
  async collectAll(store: ModelStore): Promise<{
    preview: Omit<GarbagePreview, 'examples'>
    done: { manifests: number; links: number; blobs: number; bytes: number }
    state: GarbageState
  }> {
    const when = { now: NOW + 1e12, grace: 0 }
    const { examples, ...preview } = await store.previewGarbage({ ...when, limit: EVERYTHING, undo: 0 })
    const count = { manifests: 0, links: 0, blobs: 0 }
    let bytes = 0
    for (const rule of ['manifests', 'links', 'blobs'] as const) {
      for (let reviewed = 1; reviewed > 0; ) {
        const [round] = await this.#collect(store, rule, when)
        reviewed = round?.reviewed ?? 0
        count[rule] += round?.deleted ?? 0
        bytes += round?.bytes ?? 0
      }
    }
    const state = await store.garbageState(when.now)
    return { preview, done: { ...count, bytes }, state }
  }

  #expectation(expect: string, expected: number): { expect?: Expectation } {
    if (expect === '') return {}
    if (expect === 'absent') return { expect: { absent: true } }
    if (expect === 'present') return { expect: { present: true } }
    return { expect: { digests: [this.digest(BLOBS + expected)] } }
  }

  /** Ends every session and forgets every object, since those are listed of all runs together. */
  async clear(store: ModelStore): Promise<void> {
    const end = Number.MAX_SAFE_INTEGER
    await store.sweepUploads({ now: end, deleteAfter: end, limit: 1_000_000 })
    await store.clearTombstones(await store.dueTombstones(end, 1_000_000))
  }

  /** Everything that can be seen of this run's names. */
  async observe(store: ModelStore): Promise<unknown> {
    const contents = EVERY_CONTENT.map((at) => this.digest(at))
    const repos = Array.from({ length: REPOS }, (_, at) => this.repo(at))
    const seen: Record<string, unknown> = {
      objects: await Promise.all(contents.map((digest) => store.findObject(digest))),
      uploads: await store.countUploads(),
      tombstones: await store.dueTombstones(this.#now + 10_000, 1_000_000),
      found: await store.search({ query: this.#run, limit: 10, offset: 0 }),
      inside: await store.search({ query: this.#run.slice(1), limit: 10, offset: 0 }),
      repositories: (await store.listRepositories({ limit: 10, last: `${this.#run}/` })).items.filter(
        (name) => name.startsWith(this.#run),
      ),
    }
    for (const repo of repos) {
      seen[repo] = {
        known: await store.hasRepository(repo),
        tags: await store.listTags(repo, { limit: 10 }),
        page: await store.listTags(repo, { limit: 1, last: 't0' }),
        blobs: await Promise.all(contents.map((digest) => store.findBlob(repo, digest))),
        manifests: await Promise.all(contents.map((digest) => store.findManifest(repo, { digest }))),
        tagged: await Promise.all([0, 1].map((at) => store.findManifest(repo, { tag: tag(`t${at}`) }))),
        referrers: await Promise.all(
          contents.map((digest) => store.listReferrers(repo, digest, { limit: 2 })),
        ),
        filtered: await Promise.all(
          contents.map((digest) =>
            store.listReferrers(repo, digest, { limit: 9, artifactTypes: ['', 'b/b'] }),
          ),
        ),
        sessions: await Promise.all(
          this.#sessions.map((id) => store.findUpload(repo, id, `${this.#run}${OWNERS[0]}`, this.#now)),
        ),
      }
    }
    return seen
  }
}
