import type { Digest } from '../../core/digest.ts'
import type { Manifest } from '../../core/registry.ts'
import type { TagRow } from '../../store/meta/access-store.ts'

interface Descriptor {
  readonly digest?: unknown
  readonly size?: unknown
  readonly platform?: Readonly<Record<string, unknown>>
}

/** An image behind a tag, as Docker Hub tells it. */
export interface HubImage {
  readonly architecture: string | null
  readonly os: string | null
  readonly os_version: string | null
  readonly os_features: null
  readonly variant: string | null
  readonly features: null
  readonly digest: string
  /** Bytes of its layers; 0 where only the image itself tells. */
  readonly size: number
  readonly status: 'active'
  readonly last_pulled: null
  readonly last_pushed: null
}

/** Images told of one tag: an index may list ten thousand. */
export const MAX_IMAGES = 30
/** Bytes of a manifest that is looked into. */
export const MAX_MANIFEST = 256 * 1024
/** Bytes of all manifests that are looked into for one answer. */
export const MAX_READ = 4 * 1024 * 1024
/** Characters of all images that one answer tells. */
export const MAX_TOLD = 512 * 1024
/** Characters of what an index says of a platform, or as a digest. */
const MAX_WORD = 256

export interface HubImages {
  readonly images: readonly HubImage[]
  readonly fullSize: number
}

const NONE: HubImages = { images: [], fullSize: 0 }

/** Tells the images behind the tags of one answer, as far as the answer's bounds go: behind these, and behind large manifests, there are none. */
export class ImageReader {
  readonly #read: (digest: Digest) => Promise<Manifest | undefined>
  readonly #known = new Map<Digest, HubImages & { readonly length: number }>()
  #bytes = 0
  #told = 0

  /** `read`: undefined for a manifest that is gone. */
  constructor(read: (digest: Digest) => Promise<Manifest | undefined>) {
    this.#read = read
  }

  /** The images behind a tag; each manifest is read once. */
  async behind({ digest, size }: Pick<TagRow, 'digest' | 'size'>): Promise<HubImages> {
    const known = this.#known.get(digest) ?? (await this.#look(digest, size))
    if (this.#told + known.length > MAX_TOLD) return { ...NONE, fullSize: known.fullSize }
    this.#told += known.length
    return known
  }

  async #look(digest: Digest, size: number) {
    const within = size <= MAX_MANIFEST && this.#bytes + size <= MAX_READ
    if (within) this.#bytes += size
    const manifest = within ? await this.#read(digest) : undefined
    const images = manifest === undefined ? NONE : imagesOf(manifest)
    const known = { ...images, length: JSON.stringify(images.images).length }
    this.#known.set(digest, known)
    return known
  }
}

/**
 * What a manifest says of the images behind it: the first children of an index, by their platforms, or the one image itself, whose platform
 * only its configuration would tell.
 */
function imagesOf({ bytes, digest }: Manifest): HubImages {
  const { manifests, layers } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
    manifests?: unknown
    layers?: unknown
  }
  if (Array.isArray(manifests)) {
    const children = descriptors(manifests.slice(0, MAX_IMAGES))
    return { images: children.map((child) => image(child.digest, child.platform, 0)), fullSize: 0 }
  }
  const size = descriptors(layers).reduce(
    (sum, layer) => sum + (Number.isFinite(layer.size) ? Number(layer.size) : 0),
    0,
  )
  return { images: [image(digest, undefined, size)], fullSize: size }
}

function descriptors(value: unknown): Descriptor[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'object' && each !== null) : []
}

function image(digest: unknown, platform: Descriptor['platform'], size: number): HubImage {
  return {
    architecture: textIn(platform, 'architecture'),
    os: textIn(platform, 'os'),
    os_version: textIn(platform, 'os.version'),
    os_features: null,
    variant: textIn(platform, 'variant'),
    features: null,
    digest: typeof digest === 'string' ? digest.slice(0, MAX_WORD) : '',
    size,
    status: 'active',
    last_pulled: null,
    last_pushed: null,
  }
}

function textIn(platform: Descriptor['platform'], name: string): string | null {
  const value = platform?.[name]
  return typeof value === 'string' ? value.slice(0, MAX_WORD) : null
}
