import { truncate } from 'node:fs/promises'
import { digestToBytes } from '../../src/core/digest.ts'
import { randomBlob, type TestBlob } from '../suite/content.ts'
import { snapshotOf } from './database.ts'
import {
  ABORT,
  ADVANCE,
  FINISH,
  MOUNT,
  OPEN_UPLOAD,
  SEAL_AND_FINISH,
  WRITE_FIRST,
  WRITE_LARGE,
  WRITE_MORE,
} from './failpoint-paths.ts'
import type { Operation } from './operation.ts'
import { blobIsThere, pushWhole, SMALL } from './requests.ts'
import { pathOf } from './scrub.ts'
import { UploadSession } from './upload-session.ts'
import { ask, Violation, type Wire } from './wire.ts'

/** Three of the file store's buffers. */
const LARGE = 2_500_000

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

const SESSIONS: readonly Operation[] = [
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

const cancel: Operation = {
  name: 'cancel of an upload',
  path: ABORT,
  async prepare(wire, repo) {
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

/** Everything that brings blobs, or gives up doing so. */
export const UPLOAD_OPERATIONS: readonly Operation[] = [...SESSIONS, singlePost, heal, mount, cancel]
