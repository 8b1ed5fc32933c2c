import { randomUUID } from 'node:crypto'
import type { Body } from '../../src/core/body.ts'
import { algorithmOf, type Digest, digestOf } from '../../src/core/digest.ts'
import { refuse } from '../../src/core/errors.ts'
import type { ManifestFacts } from '../../src/core/manifest.ts'
import { readManifest } from '../../src/core/manifest-reader.ts'
import type { Reference, RepoName, Tag, UploadId } from '../../src/core/names.ts'
import type { Expectation, Manifest, Page, PageRequest, Registry } from '../../src/core/registry.ts'

interface Repo {
  readonly blobs: Map<Digest, Uint8Array>
  readonly manifests: Map<Digest, Manifest & { readonly facts: ManifestFacts }>
  readonly tags: Map<Tag, Digest>
  /** Whether it ever had a manifest: only then it is listed. */
  published: boolean
}

interface Upload {
  readonly repo: RepoName
  bytes: Uint8Array
  committed?: Digest
}

const LIMITS = { maxDepth: 32, maxTokens: 100_000, maxDescriptors: 10_000 }

/** A registry in a few maps, just true enough for the protocol layer: no sessions of owners, no leases, no limits. */
export function fakeRegistry(): Registry {
  const repos = new Map<RepoName, Repo>()
  const uploads = new Map<UploadId, Upload>()

  function repoOf(name: RepoName): Repo {
    let repo = repos.get(name)
    if (repo === undefined)
      repos.set(name, (repo = { blobs: new Map(), manifests: new Map(), tags: new Map(), published: false }))
    return repo
  }

  function known(name: RepoName): Repo {
    const repo = repos.get(name)
    if (repo === undefined) throw refuse('name-unknown', `there is no repository ${name}`)
    return repo
  }

  function published(): RepoName[] {
    return [...repos].filter(([, repo]) => repo.published).map(([name]) => name)
  }

  function blobOf(name: RepoName, digest: Digest): Uint8Array {
    const bytes = repos.get(name)?.blobs.get(digest)
    if (bytes === undefined) throw refuse('blob-unknown', `there is no blob ${digest} in ${name}`)
    return bytes
  }

  function manifestOf(name: RepoName, reference: Reference) {
    const repo = repos.get(name)
    const digest = 'digest' in reference ? reference.digest : repo?.tags.get(reference.tag)
    const found = digest && repo?.manifests.get(digest)
    if (!found) throw refuse('manifest-unknown', `${name} has no manifest ${JSON.stringify(reference)}`)
    return found
  }

  function uploadOf(name: RepoName, id: UploadId): Upload {
    const upload = uploads.get(id)
    if (upload?.repo !== name) throw refuse('upload-unknown', `there is no upload ${id}`)
    return upload
  }

  async function append(id: UploadId, upload: Upload, body: Body, offset: number | undefined): Promise<void> {
    if (offset !== undefined && offset !== upload.bytes.byteLength) {
      throw refuse('upload-offset', `the chunk starts at ${offset}`, {
        upload: { id, offset: upload.bytes.byteLength },
      })
    }
    for await (const chunk of body) upload.bytes = Buffer.concat([upload.bytes, chunk])
  }

  function check(expect: Expectation, current: Digest | undefined): void {
    const met =
      'absent' in expect
        ? current === undefined
        : current !== undefined && ('present' in expect || expect.digests.includes(current))
    if (!met) throw refuse('precondition-failed', `the reference is ${current ?? 'free'}`)
  }

  return {
    async resolveBlob(_ctx, repo, digest) {
      return { digest, size: blobOf(repo, digest).byteLength }
    },
    async getBlob(_ctx, repo, digest) {
      const bytes = blobOf(repo, digest)
      const content = async (span?: { start: number; end: number }) =>
        ({ kind: 'bytes', bytes: bytes.subarray(span?.start, span?.end) }) as const
      return { digest, size: bytes.byteLength, content }
    },
    async resolveManifest(_ctx, repo, reference) {
      return manifestOf(repo, reference)
    },
    async getManifest(_ctx, repo, reference) {
      return manifestOf(repo, reference)
    },
    async openUpload(_ctx, repo) {
      const id = randomUUID() as UploadId
      uploads.set(id, { repo, bytes: new Uint8Array() })
      return { id, offset: 0 }
    },
    async statUpload(_ctx, repo, id) {
      const upload = uploadOf(repo, id)
      if (upload.committed) throw refuse('upload-unknown', `upload ${id} is finished`)
      return { id, offset: upload.bytes.byteLength }
    },
    async appendUpload(_ctx, repo, id, body, offset) {
      const upload = uploadOf(repo, id)
      if (upload.committed) throw refuse('upload-unknown', `upload ${id} is finished`)
      await append(id, upload, body, offset)
      return { id, offset: upload.bytes.byteLength }
    },
    async commitUpload(_ctx, repo, id, digest, last) {
      const upload = uploadOf(repo, id)
      if (upload.committed !== undefined) {
        if (upload.committed !== digest) throw refuse('upload-unknown', `upload ${id} is finished`)
        return { digest, size: upload.bytes.byteLength }
      }
      if (last) await append(id, upload, last.body, last.offset)
      const actual = digestOf(upload.bytes, algorithmOf(digest))
      if (actual !== digest) throw refuse('digest-mismatch', `the content has digest ${actual}`)
      upload.committed = digest
      repoOf(repo).blobs.set(digest, upload.bytes)
      return { digest, size: upload.bytes.byteLength }
    },
    async abortUpload(_ctx, repo, id) {
      uploadOf(repo, id)
      uploads.delete(id)
    },
    async mountBlob(_ctx, repo, digest, from) {
      for (const [name, source] of repos) {
        const bytes = source.blobs.get(digest)
        if (bytes === undefined || (from !== undefined && name !== from)) continue
        repoOf(repo).blobs.set(digest, bytes)
        return { digest, size: bytes.byteLength }
      }
      return undefined
    },
    async pushManifest(_ctx, name, bytes, { mediaType: pushedAs, digest: asked, tags, expect }) {
      const digest = digestOf(bytes, asked && algorithmOf(asked))
      if (asked !== undefined && asked !== digest)
        throw refuse('digest-mismatch', `the manifest has digest ${digest}`)
      const facts = readManifest(bytes, pushedAs, LIMITS)
      const repo = repoOf(name)
      const missing = facts.references.filter(
        (each) => !each.foreign && !repo.blobs.has(each.digest) && !repo.manifests.has(each.digest),
      )
      if (missing.length > 0) {
        const digests = missing.map((each) => each.digest)
        throw refuse('manifest-references-unknown', 'push these first', { digests })
      }
      const reference = asked ?? repo.tags.get(tags[0] as Tag)
      if (expect)
        check(
          expect,
          reference && repo.manifests.has(reference as Digest) ? (reference as Digest) : undefined,
        )
      const { mediaType, subject } = facts
      repo.published = true
      repo.manifests.set(digest, { digest, mediaType, size: bytes.byteLength, bytes, facts })
      for (const tag of tags) repo.tags.set(tag, digest)
      return { digest, ...(subject && { subject }) }
    },
    async deleteBlob(_ctx, name, digest) {
      const repo = known(name)
      blobOf(name, digest)
      for (const { facts } of repo.manifests.values())
        if (facts.references.some((each) => each.digest === digest))
          throw refuse('still-referenced', `blob ${digest} is still listed by a manifest`)
      repo.blobs.delete(digest)
    },
    async deleteManifest(_ctx, name, digest) {
      const repo = known(name)
      manifestOf(name, { digest })
      for (const { facts } of repo.manifests.values())
        if (facts.references.some((each) => each.digest === digest))
          throw refuse('still-referenced', `manifest ${digest} is still listed by an index`)
      repo.manifests.delete(digest)
      for (const [tag, target] of repo.tags) if (target === digest) repo.tags.delete(tag)
    },
    async deleteTag(_ctx, name, tag) {
      known(name)
      manifestOf(name, { tag })
      known(name).tags.delete(tag)
    },
    async repositories(_ctx, page) {
      return pageOf(published(), page)
    },
    async tags(_ctx, name, page) {
      return pageOf([...known(name).tags.keys()], page)
    },
    async referrers(_ctx, name, subject, page) {
      const found = new Map<string, ManifestFacts>()
      for (const [digest, { facts }] of repos.get(name)?.manifests ?? [])
        if (facts.subject === subject && (page.artifactTypes?.includes(facts.artifactType ?? '') ?? true))
          found.set(digest, facts)
      const { items, more } = pageOf([...found.keys()] as Digest[], page)
      return {
        more,
        items: items.map((digest) => {
          const { mediaType, artifactType, annotations } = found.get(digest) as ManifestFacts
          const size = repos.get(name)?.manifests.get(digest)?.size ?? 0
          return {
            mediaType,
            digest,
            size,
            ...(artifactType && { artifactType }),
            ...(annotations && { annotations }),
          }
        }),
      }
    },
    async search(_ctx, { query, limit, offset }) {
      const names = published()
        .filter((name) => name.includes(query))
        .sort()
      const hits = names.slice(offset, offset + limit)
      return {
        hits: hits.map((name) => ({ name, description: '', stars: 0, pulls: 0, official: false })),
        total: names.length,
      }
    },
  }
}

function pageOf<T extends string>(all: T[], { limit, last = '' }: PageRequest): Page<T> {
  const behind = all.filter((each) => each > last).sort()
  return { items: behind.slice(0, limit), more: behind.length > limit }
}
