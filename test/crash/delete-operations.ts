import { randomBlob } from '../suite/content.ts'
import { DELETE } from './failpoint-paths.ts'
import type { Operation } from './operation.ts'
import { blobIsThere, pushedImage, pushWhole, SMALL, tagTarget, together } from './requests.ts'
import { ask, readManifest, Violation, type Wire } from './wire.ts'

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

/** Everything that deletes. */
export const DELETE_OPERATIONS: readonly Operation[] = [
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
