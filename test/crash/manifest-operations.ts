import { descriptorOf, indexManifest, type TestManifest } from '../suite/content.ts'
import { PUSH_MANIFEST } from './failpoint-paths.ts'
import type { Operation } from './operation.ts'
import { pushedImage, putManifest, readyImage, tagTarget, together } from './requests.ts'
import { ask, readManifest, type Wire } from './wire.ts'

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

/** Everything that brings manifests and tags. */
export const MANIFEST_OPERATIONS: readonly Operation[] = [
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
