import { type Payload, payloadOf, payloads } from '../load/payload.ts'
import { MANIFEST_TYPE } from '../load/push.ts'
import type { Peer } from '../peers/peer.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/** The repository that loads read from. */
export const IMAGE = 'bench/image'
/** The same image where nobody but its reader may see it. */
export const PRIVATE_IMAGE = 'bench/private'
export const TAG = 'latest'

/** What it holds: a configuration of 4 KiB, layers of 1 and 100 MiB, and a manifest over them. */
export const CONFIG: Payload = payloads(4 * KIB)()
export const LAYER: Payload = payloads(MIB)()
export const LARGE_LAYER: Payload = payloads(100 * MIB)()

/** The manifest of an image of two layers; `annotation` makes it another one. */
export function manifest(annotation?: string): Buffer {
  const descriptor = (mediaType: string, { digest, size }: Payload) => ({ mediaType, digest, size })
  const layer = 'application/vnd.oci.image.layer.v1.tar+gzip'
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor('application/vnd.oci.image.config.v1+json', CONFIG),
      layers: [descriptor(layer, LAYER), descriptor(layer, LARGE_LAYER)],
      ...(annotation !== undefined && { annotations: { 'bench.number': annotation } }),
    }),
  )
}

/** Puts the image into a repository. */
export async function seedImage({ seeder }: Peer, repo = IMAGE): Promise<void> {
  for (const blob of [CONFIG, LAYER, LARGE_LAYER]) await seeder.blob(repo, blob)
  await seeder.manifest(repo, TAG, manifest())
}

/** Digest of `manifest(annotation)`. */
export function manifestDigest(annotation?: string): string {
  return payloadOf(manifest(annotation)).digest
}

let last = 0

/** A text that no run used before and no later call returns. */
export function unique(): string {
  return `${Date.now().toString(36)}-${(last++).toString(36)}`
}
