import { randomBytes } from 'node:crypto'
import { type Body, bodyOf } from '../../src/core/body.ts'
import { ANONYMOUS, type Context } from '../../src/core/context.ts'
import { type Algorithm, type Digest, digestOf } from '../../src/core/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../src/core/media-types.ts'
import { parseRepoName, parseTag, type RepoName, type Tag } from '../../src/core/names.ts'
import type { BlobContent, PushedManifest, Registry } from '../../src/core/registry.ts'

/** A context as the edge makes one. */
export function testContext(): Context {
  return {
    actor: ANONYMOUS,
    signal: new AbortController().signal,
    requestId: 'test',
    address: '127.0.0.1',
    agent: 'test',
    origin: 'http://registry.test',
  }
}

export interface TestBlob {
  readonly bytes: Uint8Array
  readonly digest: Digest
}

/** Random bytes, so that no two tests share content by accident. */
export function randomBlob(size = 64, algorithm: Algorithm = 'sha256'): TestBlob {
  const bytes = new Uint8Array(randomBytes(size))
  return { bytes, digest: digestOf(bytes, algorithm) }
}

let counter = 0
/** A repository name that no other test uses. */
export function freshRepo(prefix = 'suite'): RepoName {
  return parseRepoName(
    `${prefix}/r${process.pid.toString(36)}-${(++counter).toString(36)}-${randomBytes(3).toString('hex')}`,
  )
}

export const tag = (text: string): Tag => parseTag(text)

/** A body in pieces of `size` bytes without announced length, as a chunked request arrives. */
export function inPieces(bytes: Uint8Array, size: number): Body {
  return {
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
    },
  }
}

export const descriptorOf = (blob: TestBlob, mediaType = 'application/vnd.oci.image.layer.v1.tar') => ({
  mediaType,
  digest: blob.digest,
  size: blob.bytes.byteLength,
})

export interface TestManifest extends TestBlob {
  readonly mediaType: string
}

/** The bytes of an image manifest over blobs. */
export function imageManifest(
  config: TestBlob,
  layers: readonly TestBlob[],
  extra: Record<string, unknown> = {},
  algorithm: Algorithm = 'sha256',
): TestManifest {
  return manifestOf(
    OCI_MANIFEST,
    {
      config: descriptorOf(config, 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((layer) => descriptorOf(layer)),
      ...extra,
    },
    algorithm,
  )
}

/** The bytes of an index over manifests. */
export function indexManifest(
  children: readonly { digest: Digest; bytes: Uint8Array; mediaType?: string }[],
  extra: Record<string, unknown> = {},
): TestManifest {
  const manifests = children.map((child) => ({
    mediaType: child.mediaType ?? OCI_MANIFEST,
    digest: child.digest,
    size: child.bytes.byteLength,
  }))
  return manifestOf(OCI_INDEX, { manifests, ...extra })
}

export function manifestOf(
  mediaType: string,
  fields: Record<string, unknown>,
  algorithm: Algorithm = 'sha256',
): TestManifest {
  const bytes = new Uint8Array(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields })))
  return { bytes, digest: digestOf(bytes, algorithm), mediaType }
}

/** Pushes a blob the way docker does: session, one chunk, close. */
export async function pushBlob(
  registry: Registry,
  repo: RepoName,
  blob: TestBlob,
  ctx = testContext(),
): Promise<void> {
  const { id } = await registry.openUpload(ctx, repo)
  if (blob.bytes.byteLength > 0) await registry.appendUpload(ctx, repo, id, bodyOf(blob.bytes))
  await registry.commitUpload(ctx, repo, id, blob.digest)
}

export function pushManifest(
  registry: Registry,
  repo: RepoName,
  manifest: TestManifest,
  tags: readonly string[] = [],
  ctx = testContext(),
): Promise<PushedManifest> {
  return registry.pushManifest(ctx, repo, manifest.bytes, {
    mediaType: manifest.mediaType,
    tags: tags.map(parseTag),
    ...(tags.length !== 1 && { digest: manifest.digest }),
  })
}

/** Pushes a whole small image and tags it. */
export async function pushImage(
  registry: Registry,
  repo: RepoName,
  tags: readonly string[] = ['latest'],
  layers = 1,
  extra: Record<string, unknown> = {},
) {
  const config = randomBlob(32)
  const blobs = Array.from({ length: layers }, () => randomBlob(48))
  for (const blob of [config, ...blobs]) await pushBlob(registry, repo, blob)
  const manifest = imageManifest(config, blobs, extra)
  await pushManifest(registry, repo, manifest, tags)
  return { config, layers: blobs, manifest }
}

/** All bytes of a content, of whatever kind. */
export async function bytesOf(content: BlobContent): Promise<Uint8Array> {
  if (content.kind === 'bytes') return content.bytes
  if (content.kind === 'file')
    return Bun.file(content.path).slice(content.span.start, content.span.end).bytes()
  if (content.kind === 'redirect') throw new Error('a redirect has no bytes here')
  const chunks: Uint8Array[] = []
  for await (const chunk of content.stream) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
