import { type Digest, digestOf } from '../../src/core/digest.ts'
import { parseRepoName, parseTag } from '../../src/core/names.ts'
import type { Store } from '../../src/store/meta/store.ts'
import { DAY, NOW } from './fixture.ts'

const IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'

export interface Pushed {
  readonly digest: Digest
  readonly bytes: Buffer
}

export interface Pushing {
  /** What it holds; an image of one layer of 1000 bytes unless told. */
  readonly content?: object
  /** ms since the epoch. */
  readonly now?: number
}

/** Puts a manifest into a repository under tags, past the wire: what it lists need not be there. */
export async function pushTo(
  store: Store,
  repo: string,
  tags: readonly string[],
  { content, now = NOW }: Pushing = {},
): Promise<Pushed> {
  const shape = content !== undefined && 'manifests' in content ? 'index' : 'image'
  const mediaType = shape === 'index' ? INDEX : IMAGE
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, ...(content ?? image(repo + tags.join())) }, null, 1),
  )
  const digest = digestOf(bytes, 'sha256')
  const { outcome } = await store.pushManifest({
    repo: parseRepoName(repo),
    digest,
    mediaType,
    bytes,
    facts: { mediaType, shape, references: [] },
    tags: tags.map(parseTag),
    sparse: 'all',
    now,
    grace: DAY,
  })
  if (outcome !== 'stored') throw new Error(`${repo}: ${outcome}`)
  return { digest, bytes }
}

/** An image unlike others of another note. */
export function image(note: string, layers: readonly number[] = [1000]) {
  const descriptor = (size: number) => ({
    mediaType: 'application/octet-stream',
    digest: digestOf(Buffer.from(`${note}${size}`), 'sha256'),
    size,
  })
  return { config: descriptor(2), layers: layers.map(descriptor), annotations: { note } }
}
