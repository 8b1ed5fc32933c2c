import { createCipheriv, createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programPath } from './programs.ts'

const STEP = 1 << 20

/** Pseudo-random bytes that do not compress: the same for the same seed, in pieces of up to 1 MiB. */
export function* randomPieces(size: number, seed: string): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(STEP)
  for (let left = size; left > 0; left -= STEP) yield cipher.update(zeros.subarray(0, Math.min(left, STEP)))
}

/** Pseudo-random bytes in one piece. */
export function randomBytes(size: number, seed: string): Buffer {
  return Buffer.concat([...randomPieces(size, seed)])
}

/** What goes into a built image. */
export interface ImagePlan {
  /** Printed by the container, so that a run tells the image. */
  readonly greeting: string
  /** Sizes of files, in bytes, each of which gets a layer of its own; their content does not compress. */
  readonly layers?: readonly number[]
}

/** Writes a build context: busybox alone, and a layer with one file for each size. */
export async function writeContext(folder: string, { greeting, layers = [] }: ImagePlan): Promise<void> {
  await mkdir(folder, { recursive: true })
  await copyFile(programPath('busybox'), join(folder, 'busybox'))
  for (const [index, size] of layers.entries()) {
    await writeFile(join(folder, `layer-${index}`), randomBytes(size, `${greeting} ${index}`))
  }
  const lines = [
    'FROM scratch',
    'COPY busybox /bin/busybox',
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
    ...layers.map((_, index) => `COPY layer-${index} /data/layer-${index}`),
    `CMD ["/bin/sh", "-c", "echo ${greeting}; if [ -d /data ]; then cd /data && sha256sum *; fi"]`,
  ]
  await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`)
}

/** What a container of such an image prints. */
export function expectedOutput({ greeting, layers = [] }: ImagePlan): string {
  const sums = layers.map((size, index) => {
    const hash = createHash('sha256')
      .update(randomBytes(size, `${greeting} ${index}`))
      .digest('hex')
    return `${hash}  layer-${index}\n`
  })
  return `${greeting}\n${sums.join('')}`
}

/** A layer or a configuration of a hand-made image. */
export interface BlobPlan {
  readonly mediaType: string
  readonly size: number
  readonly seed: string
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

async function writeBlob(folder: string, mediaType: string, pieces: Iterable<Buffer>): Promise<Descriptor> {
  const hash = createHash('sha256')
  let size = 0
  const temporary = join(folder, 'blob.tmp')
  const file = createWriteStream(temporary)
  for (const piece of pieces) {
    hash.update(piece)
    size += piece.length
    if (!file.write(piece)) await new Promise((resolve) => file.once('drain', resolve))
  }
  await new Promise((resolve) => file.end(resolve))
  const encoded = hash.digest('hex')
  await rename(temporary, join(folder, 'blobs/sha256', encoded))
  return { mediaType, digest: `sha256:${encoded}`, size }
}

/**
 * Writes an OCI layout with one image under `latest` whose layers are the bytes asked for, of any size, 0
 * and 1 included. It cannot be run: its layers are no archives.
 */
export async function writeLayout(folder: string, layers: readonly BlobPlan[]): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true })
  const json = (value: unknown) => [Buffer.from(JSON.stringify(value))]
  const config = await writeBlob(
    folder,
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [] },
    }),
  )
  const descriptors: Descriptor[] = []
  for (const { mediaType, size, seed } of layers) {
    descriptors.push(await writeBlob(folder, mediaType, randomPieces(size, seed)))
  }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await writeBlob(
    folder,
    mediaType,
    json({ schemaVersion: 2, mediaType, config, layers: descriptors }),
  )
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' }
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  )
}
