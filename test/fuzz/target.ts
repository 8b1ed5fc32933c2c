import { expect } from 'bun:test'
import { REFUSALS } from '../../src/core/errors.ts'
import type { RepoName } from '../../src/core/names.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import { errorCode, type RawAnswer, RawConnection, request } from '../http/raw.ts'
import { MiB, residentMemory, settledMemory } from '../http/rss.ts'
import { pushImage, type TestBlob, type TestManifest } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { startPostgres } from '../testbed/postgres.ts'

const CODES: ReadonlySet<string> = new Set(Object.values(REFUSALS))
/** Memory that a server may hold afterwards and did not before: caches that filled, and a heap that has grown to its size. */
const ALLOWANCE = 96 * MiB

export type Database = 'SQLite' | 'PostgreSQL'

/** What the registry lists of itself. */
export type Listing = Readonly<Record<string, readonly string[]>>

/** A server that is shot at, with an image in it whose addresses make good starting points. */
export class Target implements AsyncDisposable {
  readonly berth: BerthServer
  readonly repo = 'fuzz/base' as RepoName
  readonly tags = ['latest', 'v1']
  readonly blob: TestBlob
  readonly manifest: TestManifest
  readonly #owned: AsyncDisposableStack
  #connection: RawConnection | undefined
  #memory = 0

  private constructor(
    berth: BerthServer,
    owned: AsyncDisposableStack,
    image: { layers: TestBlob[]; manifest: TestManifest },
  ) {
    this.berth = berth
    this.#owned = owned
    this.blob = image.layers[0] as TestBlob
    this.manifest = image.manifest
  }

  static async start(database: Database, env: Readonly<Record<string, string>> = {}): Promise<Target> {
    await using stack = new AsyncDisposableStack()
    const url = database === 'PostgreSQL' ? stack.use(await startPostgres()).url : undefined
    const berth = stack.use(await startBerth({ env: { ...env, ...(url && { BERTH_DATABASE_URL: url }) } }))
    const image = await pushImage(clientRegistry({ base: berth.url }), 'fuzz/base' as RepoName, [
      'latest',
      'v1',
    ])
    return new Target(berth, stack.move(), image)
  }

  /**
   * Asks, on a connection that is kept while the server keeps it, and judges what comes: an answer at all, none of 5xx, made by
   * us and not by the runtime, and a refusal in the form and with a code of the specification (C7, G9, G10).
   */
  async ask(
    method: string,
    target: string,
    headers: readonly string[] = [],
    body: string | Uint8Array = '',
  ): Promise<RawAnswer> {
    const announced =
      body.length > 0 || method === 'POST' ? [`Content-Length: ${Buffer.from(body).byteLength}`] : []
    const text = request(method, target, [...headers, ...announced], body)
    const answer = (await this.#once(text, method)) ?? (await this.#once(text, method))
    if (answer === undefined) throw new Error(`no answer to ${JSON.stringify(text.slice(0, 2000))}`)
    judge(answer, method)
    return answer
  }

  /** One try; a kept connection may end just when it is used again. */
  async #once(text: string, method: string): Promise<RawAnswer | undefined> {
    if (this.#connection === undefined || this.#connection.ended) {
      await this.#connection?.[Symbol.asyncDispose]()
      this.#connection = await RawConnection.connect(this.berth.host)
    }
    await this.#connection.send(text)
    const answer = await this.#connection.answer(method)
    if (answer === undefined || answer.headers.get('connection') === 'close') {
      await this.#connection[Symbol.asyncDispose]()
      this.#connection = undefined
    }
    return answer
  }

  /** Every repository that is listed, with its tags. */
  async listing(): Promise<Listing> {
    const found: Record<string, string[]> = {}
    for (let next: string | undefined = '/v2/_catalog?n=1000'; next; ) {
      const answer = await this.ask('GET', next)
      const { repositories } = JSON.parse(answer.body.toString()) as { repositories: string[] }
      for (const repo of repositories) {
        const tags = await this.ask('GET', `/v2/${repo}/tags/list`)
        found[repo] = (JSON.parse(tags.body.toString()) as { tags: string[] }).tags
      }
      next = /<([^>]*)>/.exec(answer.headers.get('link') ?? '')?.[1]
    }
    return found
  }

  /** Remembers how much memory the server has, warmed up. */
  async rest(): Promise<void> {
    for (let i = 0; i < 50; i++) await this.ask('GET', `/v2/${this.repo}/manifests/latest`)
    this.#memory = residentMemory(this.berth.daemon.pid)
  }

  /** Expects the server to be alive, to hold what it held, and little more memory than at rest. */
  async expectUnharmed(listing: Listing): Promise<void> {
    expect(await this.listing()).toEqual(listing)
    const manifest = await this.ask('GET', `/v2/${this.repo}/manifests/latest`)
    expect(manifest.body.equals(this.manifest.bytes)).toBe(true)
    const bound = this.#memory + ALLOWANCE
    expect(await settledMemory(this.berth.daemon.pid, bound)).toBeLessThanOrEqual(bound)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.[Symbol.asyncDispose]()
    await this.#owned.disposeAsync()
  }
}

function judge(answer: RawAnswer, method: string): void {
  expect(answer.status).toBeLessThan(500)
  expect(answer.headers.get('x-request-id')).toBeDefined()
  if (answer.status < 400 || method === 'HEAD') return
  expect(answer.headers.get('content-type')).toBe('application/json')
  expect(CODES.has(errorCode(answer))).toBe(true)
}
