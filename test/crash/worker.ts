import type { TestBlob } from '../suite/content.ts'
import type { Deletion, Intent, Ledger, Outcome } from './ledger.ts'
import type { Pool, PoolManifest } from './pool.ts'
import type { Random } from './random.ts'
import { UploadSession } from './upload-session.ts'
import { ask, readBlob, readManifest, unexpected, Violation, type Wire } from './wire.ts'

const OK: Outcome = { is: 'ok' }
const ABSENT: Outcome = { is: 'absent' }
const NOTHING: Outcome = { is: 'nothing' }

/**
 * A client of random mind. Everything it does stands in the ledger before it is sent, and after it was answered. It works until the
 * connection is cut, and goes on after a restart: with uploads that were cut, too.
 */
export class CrashWorker {
  readonly #id: number
  readonly #random: Random
  readonly #ledger: Ledger
  #wire!: Wire
  #pool!: Pool
  /** The upload that the last cut interrupted. */
  #interrupted: { session: UploadSession; blob: TestBlob } | undefined

  constructor(id: number, random: Random, ledger: Ledger) {
    this.#id = id
    this.#random = random
    this.#ledger = ledger
  }

  /** Works until something throws: Cut when the server is gone, Violation when it broke its contract. */
  async run(wire: Wire, pool: Pool): Promise<never> {
    this.#wire = wire
    this.#pool = pool
    await this.#resume()
    for (;;) await this.#step()
  }

  async #step(): Promise<void> {
    const random = this.#random
    const repo = random.pick(this.#pool.repos)
    const dice = random.below(100)
    if (dice < 22) await this.#pushBlob(repo, random.pick(this.#pool.blobs))
    else if (dice < 28) await this.#mount(repo, random.pick(this.#pool.blobs).digest)
    else if (dice < 55) await this.#pushManifest(repo, random.pick(this.#pool.manifests))
    else if (dice < 65) await this.#pullTag(repo, random.pick(this.#pool.tags))
    else if (dice < 71) await this.#pullManifest(repo, random.pick(this.#pool.manifests).digest)
    else if (dice < 77) await this.#pullBlob(repo, random.pick(this.#pool.blobs).digest)
    else if (dice < 81) await this.#listTags(repo)
    else if (dice < 84) await this.#listReferrers(repo, random.pick(this.#pool.manifests).digest)
    else if (dice < 88) await this.#cancel(repo, random.pick(this.#pool.blobs))
    else if (dice < 92) await this.#delete({ op: 'delete-tag', repo, tag: random.pick(this.#pool.tags) })
    else if (dice < 96)
      await this.#delete({ op: 'delete-manifest', repo, digest: random.pick(this.#pool.manifests).digest })
    else await this.#delete({ op: 'delete-blob', repo, digest: random.pick(this.#pool.blobs).digest })
  }

  /** Writes the intent, does it, writes the outcome. What throws has no outcome. */
  async #do(intent: Intent, work: () => Promise<Outcome>): Promise<Outcome> {
    const call = this.#ledger.called(this.#id, intent)
    const outcome = await work()
    this.#ledger.settled(call, outcome)
    return outcome
  }

  async #pushBlob(repo: string, blob: TestBlob): Promise<void> {
    const style = this.#random.below(3)
    await this.#do({ op: 'push-blob', repo, digest: blob.digest }, async () => {
      if (style === 0) {
        await ask(this.#wire, 'POST', `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, [201], {
          headers: { 'content-type': 'application/octet-stream' },
          body: blob.bytes,
        })
        return OK
      }
      const session = new UploadSession(repo, blob.digest, blob.bytes)
      await session.open(this.#wire)
      this.#interrupted = { session, blob }
      if (style === 1) {
        const size = blob.bytes.byteLength
        if (size > 3) await session.patch(this.#wire, Math.floor(size / 2))
        await session.patch(this.#wire, size, 'streamed')
      }
      await session.close(this.#wire)
      this.#interrupted = undefined
      return OK
    })
  }

  /** Goes on with the upload that a cut interrupted, which must be possible unless it was being closed. */
  async #resume(): Promise<void> {
    if (this.#interrupted === undefined) return
    const { session, blob } = this.#interrupted
    await this.#do({ op: 'push-blob', repo: session.repo, digest: blob.digest }, async () => {
      const resumed = await session.resume(this.#wire)
      this.#interrupted = undefined
      return resumed ? OK : NOTHING
    })
  }

  async #cancel(repo: string, blob: TestBlob): Promise<void> {
    await this.#do({ op: 'cancel-upload', repo, digest: blob.digest }, async () => {
      const session = new UploadSession(repo, blob.digest, blob.bytes)
      await session.open(this.#wire)
      await session.patch(this.#wire, Math.max(2, blob.bytes.byteLength >> 1))
      await session.cancel(this.#wire)
      return NOTHING
    })
  }

  async #mount(repo: string, digest: string): Promise<void> {
    const from = this.#random.pick(this.#pool.repos.filter((other) => other !== repo))
    await this.#do({ op: 'mount-blob', repo, digest, from }, async () => {
      const path = `/v2/${repo}/blobs/uploads/?mount=${digest}&from=${from}`
      const answer = await ask(this.#wire, 'POST', path, [201, 202])
      if (answer.status === 201) return OK
      await ask(this.#wire, 'DELETE', answer.headers.get('location') ?? '', [202, 204])
      return NOTHING
    })
  }

  /** Pushes what a manifest lists where it is missing, as clients do, and then the manifest under some tags. */
  async #pushManifest(repo: string, manifest: PoolManifest): Promise<void> {
    for (const child of manifest.children) await this.#pushManifest(repo, child)
    for (const blob of manifest.blobs) {
      const found = await this.#do({ op: 'head-blob', repo, digest: blob.digest }, async () => {
        const path = `/v2/${repo}/blobs/${blob.digest}`
        return (await ask(this.#wire, 'HEAD', path, [200, 404])).status === 200 ? OK : ABSENT
      })
      if (found.is === 'absent') await this.#pushBlob(repo, blob)
    }
    const tags = this.#pool.tags.filter(() => this.#random.chance(0.25))
    const byTag = tags.length === 1 && this.#random.chance(0.5)
    const to = byTag
      ? tags[0]
      : `${manifest.digest}${tags.map((tag, at) => `${at ? '&' : '?'}tag=${tag}`).join('')}`
    const intent: Intent = {
      op: 'push-manifest',
      repo,
      digest: manifest.digest,
      tags,
      blobs: manifest.blobs.map((blob) => blob.digest),
      children: manifest.children.map((child) => child.digest),
      ...(manifest.subject !== undefined && { subject: manifest.subject }),
    }
    await this.#do(intent, async () => {
      const path = `/v2/${repo}/manifests/${to}`
      const answer = await ask(this.#wire, 'PUT', path, [201, 400], {
        headers: { 'content-type': manifest.mediaType },
        body: manifest.bytes,
      })
      if (answer.status === 201) return OK
      const { errors } = answer.json() as { errors: { code: string; detail?: { digest: string } }[] }
      if (errors.some(({ code }) => code !== 'MANIFEST_BLOB_UNKNOWN')) throw unexpected('PUT', path, answer)
      return { is: 'missing', digests: errors.map(({ detail }) => detail?.digest ?? '') }
    })
  }

  async #pullTag(repo: string, tag: string): Promise<void> {
    await this.#do({ op: 'pull-tag', repo, tag }, async () => {
      const found = await readManifest(this.#wire, repo, tag)
      return found === undefined ? ABSENT : { is: 'ok', digest: found.digest }
    })
  }

  async #pullManifest(repo: string, digest: string): Promise<void> {
    await this.#do({ op: 'pull-manifest', repo, digest }, async () =>
      (await readManifest(this.#wire, repo, digest)) === undefined ? ABSENT : OK,
    )
  }

  async #pullBlob(repo: string, digest: string): Promise<void> {
    await this.#do({ op: 'pull-blob', repo, digest }, async () =>
      (await readBlob(this.#wire, repo, digest)) === undefined ? ABSENT : OK,
    )
  }

  async #listTags(repo: string): Promise<void> {
    await this.#do({ op: 'list-tags', repo }, async () => {
      const answer = await ask(this.#wire, 'GET', `/v2/${repo}/tags/list`, [200, 404])
      return { is: 'ok', names: answer.status === 404 ? [] : (answer.json().tags as string[]) }
    })
  }

  async #listReferrers(repo: string, digest: string): Promise<void> {
    await this.#do({ op: 'list-referrers', repo, digest }, async () => {
      const answer = await ask(this.#wire, 'GET', `/v2/${repo}/referrers/${digest}`, [200])
      const manifests = answer.json().manifests as { digest: string }[]
      return { is: 'ok', names: manifests.map((descriptor) => descriptor.digest) }
    })
  }

  async #delete(intent: Deletion): Promise<void> {
    const { repo } = intent
    const reference = intent.op === 'delete-tag' ? intent.tag : intent.digest
    const path = `/v2/${repo}/${intent.op === 'delete-blob' ? 'blobs' : 'manifests'}/${reference}`
    await this.#do(intent, async () => {
      const answer = await ask(this.#wire, 'DELETE', path, [202, 404, 405])
      if (answer.status === 202) return OK
      if (answer.status === 404) return ABSENT
      if (intent.op === 'delete-tag') throw new Violation(`a tag was refused to be deleted: ${path}`)
      return { is: 'referenced' }
    })
  }
}
