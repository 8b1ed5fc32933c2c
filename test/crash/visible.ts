import { ask, type Descriptor, readBlob, readManifest, Violation, type Wire } from './wire.ts'

const PAGE = 100

/** What a registry shows of itself, all of it read and compared. */
export interface Visible {
  readonly repositories: number
  readonly tags: number
  readonly manifests: number
  readonly blobs: number
}

/**
 * Reads everything that the registry shows – catalogue, tags, manifests, all they list, referrers – and throws Violation where one
 * thing shows another that is not there or not whole (C3, C4). Nothing else may write meanwhile.
 */
export async function readAll(wire: Wire): Promise<Visible> {
  const read = new Reading(wire)
  const repositories = await list(wire, '/v2/_catalog', 'repositories')
  for (const repo of repositories) await read.repository(repo)
  return { repositories: repositories.length, ...read.counts }
}

/** The same for one repository, which need not be in the catalogue. */
export async function readRepository(wire: Wire, repo: string): Promise<Visible> {
  const read = new Reading(wire)
  await read.repository(repo)
  return { repositories: 1, ...read.counts }
}

class Reading {
  readonly #wire: Wire
  /** `repository digest`: each is read once. */
  readonly #manifests = new Set<string>()
  readonly #blobs = new Set<string>()
  #tags = 0

  constructor(wire: Wire) {
    this.#wire = wire
  }

  get counts() {
    return { tags: this.#tags, manifests: this.#manifests.size, blobs: this.#blobs.size }
  }

  async repository(repo: string): Promise<void> {
    for (const tag of await list(this.#wire, `/v2/${repo}/tags/list`, 'tags')) {
      this.#tags++
      const found = await readManifest(this.#wire, repo, tag)
      if (found === undefined) throw new Violation(`${repo} lists the tag ${tag}, but it is not there`)
      await this.#manifest(repo, found.digest, `the tag ${tag}`)
    }
  }

  async #manifest(repo: string, digest: string, by: string): Promise<void> {
    if (!first(this.#manifests, `${repo} ${digest}`)) return
    const found = await readManifest(this.#wire, repo, digest)
    if (found === undefined) throw new Violation(`${by} of ${repo} shows ${digest}, but it is not there`)
    const { config, layers = [], manifests = [] } = found.content
    const me = `manifest ${digest}`
    for (const blob of config === undefined ? layers : [config, ...layers]) await this.#blob(repo, blob, me)
    for (const child of manifests) await this.#manifest(repo, child.digest, me)
    for (const referrer of await list(this.#wire, `/v2/${repo}/referrers/${digest}`, 'manifests')) {
      await this.#manifest(repo, (referrer as unknown as Descriptor).digest, `the referrers list of ${me}`)
    }
  }

  async #blob(repo: string, { digest, size }: Descriptor, by: string): Promise<void> {
    if (!first(this.#blobs, `${repo} ${digest}`)) return
    const head = await ask(this.#wire, 'HEAD', `/v2/${repo}/blobs/${digest}`, [200, 404])
    const bytes = await readBlob(this.#wire, repo, digest)
    if (bytes === undefined) throw new Violation(`${by} of ${repo} lists blob ${digest}, but it is not there`)
    if (head.status !== 200)
      throw new Violation(`blob ${digest} of ${repo} can be read, but HEAD says ${head.status}`)
    if (bytes.byteLength !== size)
      throw new Violation(`blob ${digest} has ${bytes.byteLength} bytes, not ${size}`)
  }
}

/** Whether it was not in the set before. */
function first(set: Set<string>, item: string): boolean {
  if (set.has(item)) return false
  set.add(item)
  return true
}

/** Every item of a list, page after page. */
async function list(wire: Wire, path: string, field: string): Promise<string[]> {
  const items: string[] = []
  let next: string | undefined = `${path}?n=${PAGE}`
  while (next !== undefined) {
    const answer = await ask(wire, 'GET', next, [200, 404])
    if (answer.status === 404) return items
    items.push(...(answer.json()[field] as string[]))
    const link = /<([^>]*)>;\s*rel="?next"?/.exec(answer.headers.get('link') ?? '')?.[1]
    next = link === undefined ? undefined : new URL(link, wire.base).href.slice(wire.base.length)
  }
  return items
}
