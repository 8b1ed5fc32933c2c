import { digestOf } from '../../src/core/digest.ts'
import {
  descriptorOf,
  imageManifest,
  indexManifest,
  type TestBlob,
  type TestManifest,
} from '../suite/content.ts'
import type { Random } from './random.ts'

/** A manifest and what it lists. */
export interface PoolManifest extends TestManifest {
  readonly blobs: readonly TestBlob[]
  readonly children: readonly PoolManifest[]
  readonly subject?: string
}

/** The content that workers push, delete and push again. Few things, so that they meet. */
export interface Pool {
  readonly repos: readonly string[]
  readonly tags: readonly string[]
  readonly blobs: readonly TestBlob[]
  readonly manifests: readonly PoolManifest[]
}

const REPOS = ['crash/a', 'crash/b', 'crash/c/deep']
const TAGS = ['latest', 'stable', 'v1', 'v1-a', 'v10', 'v2']
const BLOBS = 16
const IMAGES = 8
const LARGEST = 96 * 1024
/** Larger than a write buffer of the file store. */
const HUGE = 1_500_000

/** New content. The half of `before` stays in use, so that what was pushed in earlier rounds is deleted and pushed again too. */
export function makePool(random: Random, before?: Pool): Pool {
  const blobs = [...half(before?.blobs), ...Array.from({ length: BLOBS }, () => makeBlob(random))]
  const images = Array.from({ length: IMAGES }, () => makeImage(random, blobs))
  const subject = random.pick(images)
  const referrers = [makeImage(random, blobs, subject), makeImage(random, blobs, subject)]
  const indexes = [makeIndex(images.slice(0, 2)), makeIndex([random.pick(images), ...referrers.slice(0, 1)])]
  // A manifest of the last round may list blobs that are no longer in use; they stay in what it lists.
  return {
    repos: REPOS,
    tags: TAGS,
    blobs,
    manifests: [...half(before?.manifests), ...images, ...referrers, ...indexes],
  }
}

function half<T>(items: readonly T[] = []): readonly T[] {
  return items.slice(Math.ceil(items.length / 2)).slice(-BLOBS / 2)
}

function makeBlob(random: Random): TestBlob {
  // One byte and none look alike in an upload's Range (B7).
  const size = random.chance(0.05) ? HUGE : 2 + random.below(random.chance(0.5) ? 2_000 : LARGEST)
  const bytes = random.bytes(size)
  return { bytes, digest: digestOf(bytes, random.chance(0.1) ? 'sha512' : 'sha256') }
}

function makeImage(random: Random, from: readonly TestBlob[], subject?: TestManifest): PoolManifest {
  const blobs = [...new Set([random.pick(from), random.pick(from), random.pick(from)])]
  const [config, ...layers] = blobs as [TestBlob, ...TestBlob[]]
  const manifest = imageManifest(config, layers, {
    annotations: { 'org.opencontainers.image.revision': String(random.below(2 ** 31)) },
    ...(subject !== undefined && { subject: descriptorOf(subject, subject.mediaType) }),
  })
  return { ...manifest, blobs, children: [], ...(subject !== undefined && { subject: subject.digest }) }
}

function makeIndex(children: readonly PoolManifest[]): PoolManifest {
  const distinct = [...new Set(children)]
  return { ...indexManifest(distinct), blobs: [], children: distinct }
}
