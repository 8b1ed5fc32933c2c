import type { Manifest } from '../../core/registry.ts'

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

/**
 * What a manifest says of the images behind it: the children of an index, by their platforms, or the one image itself, whose platform only
 * its configuration would tell. One manifest is read, whatever it lists.
 */
export async function imagesOf(
  read: () => Promise<Manifest>,
): Promise<{ readonly images: HubImage[]; readonly fullSize: number }> {
  const { bytes, digest } = await read()
  const { manifests, layers } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
    manifests?: unknown
    layers?: unknown
  }
  if (Array.isArray(manifests)) {
    const children = descriptors(manifests)
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
    digest: typeof digest === 'string' ? digest : '',
    size,
    status: 'active',
    last_pulled: null,
    last_pushed: null,
  }
}

function textIn(platform: Descriptor['platform'], name: string): string | null {
  const value = platform?.[name]
  return typeof value === 'string' ? value : null
}
