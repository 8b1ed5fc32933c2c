import { imageManifest, randomBlob, type TestBlob, type TestManifest } from '../suite/content.ts'
import { ask, readBlob, readManifest, Violation, type Wire } from './wire.ts'

/* What operations and their preparations are made of. */

/** Bytes of an ordinary blob. */
export const SMALL = 40_000

/** A whole blob in one request. */
export async function pushWhole(wire: Wire, repo: string, blob: TestBlob): Promise<void> {
  await ask(wire, 'POST', `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, [201], {
    headers: { 'content-type': 'application/octet-stream' },
    body: blob.bytes,
  })
}

export async function putManifest(
  wire: Wire,
  repo: string,
  to: string,
  manifest: TestManifest,
): Promise<void> {
  await ask(wire, 'PUT', `/v2/${repo}/manifests/${to}`, [201], {
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  })
}

/** An image whose blobs are pushed, and which is not. */
export async function readyImage(wire: Wire, repo: string, extra: Record<string, unknown> = {}) {
  const config = randomBlob(300)
  const layers = [randomBlob(5_000), randomBlob(700)]
  for (const blob of [config, ...layers]) await pushWhole(wire, repo, blob)
  return { config, layers, manifest: imageManifest(config, layers, extra) }
}

export async function pushedImage(wire: Wire, repo: string, ...tags: string[]) {
  const image = await readyImage(wire, repo)
  for (const tag of tags) await putManifest(wire, repo, tag, image.manifest)
  return image
}

export const blobIsThere = async (wire: Wire, repo: string, blob: TestBlob) =>
  (await readBlob(wire, repo, blob.digest)) !== undefined

async function tagsOf(wire: Wire, repo: string): Promise<string[]> {
  const { status, json } = await ask(wire, 'GET', `/v2/${repo}/tags/list`, [200, 404])
  return status === 404 ? [] : (json().tags as string[])
}

/** Where a tag points; seen by GET and by the list alike. */
export async function tagTarget(wire: Wire, repo: string, tag: string): Promise<string | undefined> {
  const target = (await readManifest(wire, repo, tag))?.digest
  const listed = (await tagsOf(wire, repo)).includes(tag)
  if (listed !== (target !== undefined)) throw new Violation(`${repo}:${tag} is ${target}, listed: ${listed}`)
  return target
}

/** Both or neither of some facts that one transaction makes. */
export function together(facts: readonly boolean[], what: string): boolean {
  if (new Set(facts).size > 1) throw new Violation(`${what}: half of it happened (${facts.join(', ')})`)
  return facts[0] === true
}
