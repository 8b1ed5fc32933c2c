/** The manifest types Berth understands (PROTOCOL M14, 10.5). */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'

/** Every type a manifest may be pushed as, and its shape. */
export const MANIFEST_TYPES: Readonly<Record<string, 'image' | 'index'>> = {
  // No prototype: a client's text is looked up here.
  // @ts-expect-error TypeScript has no type for a literal's prototype.
  __proto__: null,
  [OCI_MANIFEST]: 'image',
  [OCI_INDEX]: 'index',
  [DOCKER_MANIFEST]: 'image',
  [DOCKER_LIST]: 'index',
}

/** Schema 1: refused, as containerd and moby do since long. */
export const SCHEMA1_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
])

/** Layers that are fetched from elsewhere and need not be here. */
const FOREIGN = new Set([
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
])

export function isForeignLayer(mediaType: string): boolean {
  return FOREIGN.has(mediaType)
}
