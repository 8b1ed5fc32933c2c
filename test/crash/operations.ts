import { truncate } from 'node:fs/promises'
import { digestToBytes } from '../../src/core/digest.ts'
import {
  descriptorOf,
  imageManifest,
  indexManifest,
  randomBlob,
  type TestBlob,
  type TestManifest,
} from '../suite/content.ts'
import { snapshotOf } from './database.ts'
import {
  ABORT,
  ADVANCE,
  DELETE,
  FINISH,
  MOUNT,
  OPEN_UPLOAD,
  PUSH_MANIFEST,
  SEAL_AND_FINISH,
  WRITE_FIRST,
  WRITE_LARGE,
  WRITE_MORE,
} from './failpoint-paths.ts'
import type { Attempt, Operation } from './operation.ts'
import { pathOf } from './scrub.ts'
import { UploadSession } from './upload-session.ts'
import { ask, readBlob, readManifest, Violation, type Wire } from './wire.ts'

/* What clients do that writes, each with the failpoints on its way. */

const SMALL = 40_000
/** Three of the file store's buffers. */
const LARGE = 2_500_000

/** A whole blob in one request. */
async function pushWhole(wire: Wire, repo: string, blob: TestBlob): Promise<void> {
  await ask(wire, 'POST', `/v2/${repo}/blobs/uploads/?digest=${blob.digest}`, [201], {
    headers: { 'content-type': 'application/octet-stream' },
    body: blob.bytes,
  })
}

async function putManifest(wire: Wire, repo: string, to: string, manifest: TestManifest): Promise<void> {
  await ask(wire, 'PUT', `/v2/${repo}/manifests/${to}`, [201], {
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  })
}

/** An image whose blobs are pushed, and which is not. */
async function readyImage(wire: Wire, repo: string, extra: Record<string, unknown> = {}) {
  const config = randomBlob(300)
  const layers = [randomBlob(5_000), randomBlob(700)]
  for (const blob of [config, ...layers]) await pushWhole(wire, repo, blob)
  return { config, layers, manifest: imageManifest(config, layers, extra) }
}

async function pushedImage(wire: Wire, repo: string, ...tags: string[]) {
  const image = await readyImage(wire, repo)
  for (const tag of tags) await putManifest(wire, repo, tag, image.manifest)
  return image
}

const blobIsThere = async (wire: Wire, repo: string, blob: TestBlob) =>
  (await readBlob(wire, repo, blob.digest)) !== undefined

async function tagsOf(wire: Wire, repo: string): Promise<string[]> {
  const { status, json } = await ask(wire, 'GET', `/v2/${repo}/tags/list`, [200, 404])
  return status === 404 ? [] : (json().tags as string[])
}

/** Where a tag points; seen by GET and by the list alike. */
async function tagTarget(wire: Wire, repo: string, tag: string): Promise<string | undefined> {
  const target = (await readManifest(wire, repo, tag))?.digest
  const listed = (await tagsOf(wire, repo)).includes(tag)
  if (listed !== (target !== undefined)) throw new Violation(`${repo}:${tag} is ${target}, listed: ${listed}`)
  return target
}

/** Both or neither of some facts that one transaction makes. */
function together(facts: readonly boolean[], what: string): boolean {
  if (new Set(facts).size > 1) throw new Violation(`${what}: half of it happened (${facts.join(', ')})`)
  return facts[0] === true
}

/** The operations on one upload session differ in how the content is sent. */
function upload(
  name: string,
  path: Operation['path'],
  content: () => TestBlob,
  send: (wire: Wire, session: UploadSession, size: number) => Promise<void>,
  before: (wire: Wire, blob: TestBlob, repo: string) => Promise<void> = async () => {},
): Operation {
  return {
    name,
    path,
    async prepare(wire, repo) {
      const blob = content()
      await before(wire, blob, repo)
      const session = new UploadSession(repo, blob.digest, blob.bytes)
      return {
        repo,
        run: (to) => send(to, session, blob.bytes.byteLength),
        async happened(to) {
          const there = await blobIsThere(to, repo, blob)
          if (session.started) {
            const open = (await session.status(to)) !== undefined
            if (open === there)
              throw new Violation(`the upload is open: ${open}, the blob is there: ${there}`)
          }
          return there
        },
        async finish(to) {
          if (!session.started) return pushWhole(to, repo, blob)
          // A client that lost the answer of its last request repeats it (B23).
          if (!(await session.resume(to))) await session.close(to)
        },
      }
    },
  }
}

const UPLOADS: readonly Operation[] = [
  upload(
    'blob by POST and PUT',
    [...OPEN_UPLOAD, ...WRITE_FIRST, ...SEAL_AND_FINISH],
    () => randomBlob(SMALL),
    async (wire, session) => {
      await session.open(wire)
      await session.close(wire)
    },
  ),
  upload(
    'large blob by POST and PUT',
    [...OPEN_UPLOAD, ...WRITE_LARGE, ...SEAL_AND_FINISH],
    () => randomBlob(LARGE),
    async (wire, session) => {
      await session.open(wire)
      await session.close(wire)
    },
  ),
  upload(
    'blob in one streamed chunk',
    [...OPEN_UPLOAD, ...WRITE_FIRST, ...ADVANCE, ...SEAL_AND_FINISH],
    () => randomBlob(SMALL),
    async (wire, session, size) => {
      await session.open(wire)
      await session.patch(wire, size, 'streamed')
      await session.close(wire)
    },
  ),
  upload(
    'blob in chunks, the last with the close',
    [
      ...OPEN_UPLOAD,
      ...WRITE_FIRST,
      ...ADVANCE,
      ...WRITE_MORE,
      ...ADVANCE,
      ...WRITE_MORE,
      ...SEAL_AND_FINISH,
    ],
    () => randomBlob(SMALL, 'sha512'),
    async (wire, session, size) => {
      await session.open(wire)
      await session.patch(wire, Math.floor(size / 3))
      await session.patch(wire, Math.floor(size / 2))
      await session.close(wire)
    },
  ),
  upload(
    'blob whose bytes another repository has',
    [...OPEN_UPLOAD, ...FINISH],
    () => randomBlob(SMALL),
    async (wire, session) => {
      await session.open(wire)
      await session.close(wire)
    },
    (wire, blob, repo) => pushWhole(wire, `${repo}/other`, blob),
  ),
]

const singlePost: Operation = {
  name: 'blob by a single POST',
  path: [...OPEN_UPLOAD, ...WRITE_FIRST, ...SEAL_AND_FINISH],
  async prepare(_wire, repo) {
    const blob = randomBlob(SMALL)
    return {
      repo,
      run: (wire) => pushWhole(wire, repo, blob),
      happened: (wire) => blobIsThere(wire, repo, blob),
    }
  },
}

const heal: Operation = {
  name: 'blob again after its file was damaged',
  path: [...OPEN_UPLOAD, ...WRITE_FIRST, ...SEAL_AND_FINISH],
  async prepare(wire, repo, site) {
    const blob = randomBlob(SMALL)
    await pushWhole(wire, repo, blob)
    await truncate(pathOf(site, await objectOf(site, blob)), 17)
    return {
      repo,
      run: (to) => pushWhole(to, repo, blob),
      happened: (to) => blobIsThere(to, repo, blob),
    }
  },
}

/** The stored object of a blob, asked behind the server's back. */
async function objectOf(site: Parameters<Operation['prepare']>[2], blob: TestBlob): Promise<string> {
  await using snapshot = await snapshotOf(site)
  const wanted = Buffer.from(digestToBytes(blob.digest))
  const rows = await snapshot.rows<{ digest: Uint8Array; obj: string }>('SELECT digest, obj FROM blob')
  const row = rows.find(({ digest }) => wanted.equals(digest))
  if (row === undefined) throw new Error(`${blob.digest} has no row`)
  return row.obj
}

const mount: Operation = {
  name: 'mount',
  path: MOUNT,
  async prepare(wire, repo) {
    const blob = randomBlob(SMALL)
    const from = `${repo}/source`
    await pushWhole(wire, from, blob)
    return {
      repo,
      async run(to) {
        await ask(to, 'POST', `/v2/${repo}/blobs/uploads/?mount=${blob.digest}&from=${from}`, [201])
      },
      happened: (to) => blobIsThere(to, repo, blob),
    }
  },
}

/** A push of a manifest, to a tag or by digest with several. */
function manifestPush(
  name: string,
  ready: (wire: Wire, repo: string) => Promise<{ manifest: TestManifest; tags: string[]; listedBy?: string }>,
): Operation {
  return {
    name,
    path: PUSH_MANIFEST,
    async prepare(wire, repo) {
      const { manifest, tags, listedBy } = await ready(wire, repo)
      const parameters = tags.map((tag) => `tag=${tag}`).join('&')
      return {
        repo,
        run: (to) =>
          putManifest(
            to,
            repo,
            tags.length === 1 ? (tags[0] as string) : `${manifest.digest}?${parameters}`,
            manifest,
          ),
        async happened(to) {
          const facts = [(await readManifest(to, repo, manifest.digest)) !== undefined]
          for (const tag of tags) facts.push((await tagTarget(to, repo, tag)) === manifest.digest)
          if (listedBy !== undefined)
            facts.push((await referrersOf(to, repo, listedBy)).includes(manifest.digest))
          return together(facts, `${name}: manifest, tags ${tags.join(' ')}`)
        },
      }
    },
  }
}

async function referrersOf(wire: Wire, repo: string, subject: string): Promise<string[]> {
  const { json } = await ask(wire, 'GET', `/v2/${repo}/referrers/${subject}`, [200])
  return (json().manifests as { digest: string }[]).map((descriptor) => descriptor.digest)
}

const MANIFESTS: readonly Operation[] = [
  manifestPush('first manifest of a repository', async (wire, repo) => {
    const { manifest } = await readyImage(wire, repo)
    return { manifest, tags: ['latest'] }
  }),
  manifestPush('manifest with several tags', async (wire, repo) => {
    await pushedImage(wire, repo, 'one', 'two')
    const { manifest } = await readyImage(wire, repo)
    return { manifest, tags: ['one', 'two', 'three', 'four'] }
  }),
  manifestPush('index', async (wire, repo) => {
    const children = [await pushedImage(wire, repo, 'amd64'), await pushedImage(wire, repo, 'arm64')]
    return { manifest: indexManifest(children.map((child) => child.manifest)), tags: ['latest'] }
  }),
  manifestPush('referrer', async (wire, repo) => {
    const { manifest: subject } = await pushedImage(wire, repo, 'latest')
    const { manifest } = await readyImage(wire, repo, { subject: descriptorOf(subject, subject.mediaType) })
    return { manifest, tags: [], listedBy: subject.digest }
  }),
]

/** A deletion: `seen` tells whether the thing is still there. */
function deletion(
  name: string,
  ready: (wire: Wire, repo: string) => Promise<{ path: string; seen: (wire: Wire) => Promise<boolean> }>,
): Operation {
  return {
    name,
    path: DELETE,
    async prepare(wire, repo) {
      const { path, seen } = await ready(wire, repo)
      return {
        repo,
        async run(to) {
          await ask(to, 'DELETE', `/v2/${repo}/${path}`, [202])
        },
        happened: async (to) => !(await seen(to)),
      }
    },
  }
}

const DELETIONS: readonly Operation[] = [
  deletion('delete of a blob', async (wire, repo) => {
    const blob = randomBlob(SMALL)
    await pushWhole(wire, repo, blob)
    return { path: `blobs/${blob.digest}`, seen: (to) => blobIsThere(to, repo, blob) }
  }),
  deletion('delete of a manifest with its tags', async (wire, repo) => {
    const { manifest } = await pushedImage(wire, repo, 'one', 'two')
    await pushedImage(wire, repo, 'other')
    const seen = async (to: Wire) => {
      const facts = [(await readManifest(to, repo, manifest.digest)) !== undefined]
      for (const tag of ['one', 'two']) facts.push((await tagTarget(to, repo, tag)) !== undefined)
      return together(facts, 'a manifest and its two tags')
    }
    return { path: `manifests/${manifest.digest}`, seen }
  }),
  deletion('delete of a tag', async (wire, repo) => {
    const { manifest } = await pushedImage(wire, repo, 'one', 'two')
    const seen = async (to: Wire) => {
      if ((await tagTarget(to, repo, 'two')) !== manifest.digest) throw new Violation('the other tag is gone')
      return (await tagTarget(to, repo, 'one')) !== undefined
    }
    return { path: 'manifests/one', seen }
  }),
]

const cancel: Operation = {
  name: 'cancel of an upload',
  path: ABORT,
  async prepare(wire, repo): Promise<Attempt> {
    const blob = randomBlob(SMALL)
    const session = new UploadSession(repo, blob.digest, blob.bytes)
    await session.open(wire)
    await session.patch(wire, SMALL / 2)
    return {
      repo,
      run: (to) => session.cancel(to),
      happened: async (to) => (await session.status(to)) === undefined,
    }
  },
}

/** Every operation that writes, save the clean-up that the server does by itself. */
export const OPERATIONS: readonly Operation[] = [
  ...UPLOADS,
  singlePost,
  heal,
  mount,
  ...MANIFESTS,
  ...DELETIONS,
  cancel,
]
