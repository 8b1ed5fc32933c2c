import type { Body } from '../../src/core/body.ts'
import { OCI_MANIFEST } from '../../src/core/media-types.ts'
import type { RepoName } from '../../src/core/names.ts'
import type { Registry } from '../../src/core/registry.ts'
import { clientRegistry } from '../../src/registry/client.ts'
import { freshRepo, imageManifest, pushBlob, randomBlob, type TestBlob } from '../suite/content.ts'
import { type BerthServer, startBerth } from '../testbed/berth.ts'
import { errorCode } from './raw.ts'

type Options = NonNullable<Parameters<typeof fetch>[1]>

/** An answer's status and, for a refusal, its code: `201`, `413 SIZE_INVALID`. */
export async function outcome(answer: Response): Promise<string> {
  const body = Buffer.from(await answer.arrayBuffer())
  return answer.status < 400 ? String(answer.status) : `${answer.status} ${errorCode({ body })}`
}

/** A body without announced length, as `fetch` takes it. */
export function streamed(body: Body): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** A server and how tests speak to it: by method and path, told apart by status and code. */
export class Asked {
  readonly berth: BerthServer
  readonly registry: Registry

  constructor(berth: BerthServer) {
    this.berth = berth
    this.registry = clientRegistry({ base: berth.url })
  }

  ask(method: string, path: string, options: Options = {}): Promise<Response> {
    return fetch(this.berth.url + path, { method, ...options })
  }

  outcome(method: string, path: string, options?: Options): Promise<string> {
    return this.ask(method, path, options).then(outcome)
  }

  putManifest(
    repo: string,
    bytes: Uint8Array | string,
    type = OCI_MANIFEST,
    reference = 'latest',
  ): Promise<string> {
    const body = typeof bytes === 'string' ? bytes : bytes.slice()
    return this.outcome('PUT', `/v2/${repo}/manifests/${reference}`, {
      body,
      headers: { 'content-type': type },
    })
  }

  /** The path of a new session. */
  async openUpload(repo: string): Promise<string> {
    return (await this.ask('POST', `/v2/${repo}/blobs/uploads/`)).headers.get('location') as string
  }
}

/** A server with settings of its own, and in it what a manifest needs. */
export interface Prepared extends AsyncDisposable {
  readonly server: Asked
  readonly repo: RepoName
  readonly config: TestBlob
  readonly layer: TestBlob
}

/** Starts a server and pushes a config and a layer to it. */
export async function prepare(env: Readonly<Record<string, string>>): Promise<Prepared> {
  await using stack = new AsyncDisposableStack()
  const server = new Asked(stack.use(await startBerth({ env })))
  const repo = freshRepo('limits')
  const [config, layer] = [randomBlob(32), randomBlob(64)]
  for (const blob of [config, layer]) await pushBlob(server.registry, repo, blob)
  const owned = stack.move()
  return { server, repo, config, layer, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** An image manifest of this many bytes. */
export const sizedManifest = ({ config, layer }: Prepared, bytes: number): string =>
  Buffer.from(imageManifest(config, [layer]).bytes)
    .toString()
    .padEnd(bytes)

/** An image manifest whose JSON is nested so deep. */
export const deepManifest = ({ config, layer }: Prepared, depth: number): Uint8Array =>
  imageManifest(config, [layer], { x: JSON.parse('['.repeat(depth - 1) + ']'.repeat(depth - 1)) }).bytes

/** Asks until it is so: expiry and clean-up go by clocks of the server's. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries === 500) throw new Error('it never came to that')
    await Bun.sleep(20)
  }
}
